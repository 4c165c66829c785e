import { ClusterCaError } from '../errors.ts';
import { concatBytes } from '../pki/der/writer.ts';
import { encodeBase64Octets } from './pem-key.ts';

const LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const LONGEST_SUBDOMAIN = 253;

/** The name of a Secret: an RFC 1123 subdomain. @throws ERR_USAGE */
export function checkSecretName(name: string): string {
  if (name.length <= LONGEST_SUBDOMAIN && new RegExp(`^${LABEL}(\\.${LABEL})*$`).test(name)) return name;
  throw new ClusterCaError('ERR_USAGE', `not a Secret's name: ${JSON.stringify(name)}`, {
    hint: `lower-case letters, digits, dashes and dots (RFC 1123): --secret-name ${nearest(name)}`,
  });
}

/** A namespace: an RFC 1123 label. @throws ERR_USAGE */
export function checkNamespace(name: string): string {
  if (new RegExp(`^${LABEL}$`).test(name)) return name;
  throw new ClusterCaError('ERR_USAGE', `not a namespace: ${JSON.stringify(name)}`, {
    hint: `lower-case letters, digits and dashes (RFC 1123), at most 63: --namespace ${nearest(name).replaceAll('.', '-').slice(0, 63)}`,
  });
}

/** The name that a holder's Secret has when none is given: `redis-1-data-tls`, `app-rw-tls`. @throws ERR_USAGE when none follows from its name */
export function defaultSecretName(holder: { name: string; plane: string }): string {
  return checkSecretName(`${nearest(holder.name)}${holder.plane === '' ? '' : `-${holder.plane}`}-tls`);
}

/**
 * A Secret of type kubernetes.io/tls, with the trust bundle as ca.crt (what ingress controllers and cert-manager call
 * it). YAML, but every value in double quotes: `null` and `1e3` are names too.
 */
export function kubernetesSecret(
  meta: { name: string; namespace: string | undefined },
  content: { certificate: Uint8Array; key: Uint8Array; trustBundle: Uint8Array },
): Uint8Array {
  const text = (line: string): Uint8Array => new TextEncoder().encode(line);
  const key = encodeBase64Octets(content.key);
  const out = concatBytes(
    text('apiVersion: v1\nkind: Secret\nmetadata:\n'),
    text(`  name: "${meta.name}"\n`),
    text(meta.namespace === undefined ? '' : `  namespace: "${meta.namespace}"\n`),
    text('  labels:\n    app.kubernetes.io/managed-by: cluster-ca\ntype: kubernetes.io/tls\ndata:\n  tls.crt: "'),
    encodeBase64Octets(content.certificate),
    text('"\n  tls.key: "'),
    key,
    text('"\n  ca.crt: "'),
    encodeBase64Octets(content.trustBundle),
    text('"\n'),
  );
  key.fill(0);
  return out;
}

function nearest(name: string): string {
  const legal = name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/-*\.[-.]*/g, '.')
    .replace(/^[-.]+|[-.]+$/g, '');
  return legal === '' ? 'NAME' : legal.slice(0, LONGEST_SUBDOMAIN);
}
