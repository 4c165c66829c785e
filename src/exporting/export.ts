import { ClusterCaError } from '../errors.ts';
import { chainPem } from '../issuance/files.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import { intermediatesAbove } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { bundleAnchors, crlBundle, crlOrder, trustBundle } from '../keystore/public.ts';
import { concatBytes } from '../pki/der/writer.ts';
import { fromBase64, toBase64, toHex } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { issueCommandFor } from '../what/holder.ts';
import { kubernetesSecret } from './kubernetes.ts';
import { readPemKey } from './pem-key.ts';
import { encodePkcs12 } from './pkcs12.ts';

const utf8 = new TextEncoder();

/** The trust bundle, as `issue` writes it to ca.pem. */
export function exportBundle(keystore: Keystore, now: Date): Uint8Array {
  return utf8.encode(trustBundle(keystore, now));
}

/** The current CRLs: of every CA, or of those above one certificate. Issuing CAs first, roots last. */
export async function exportCrls(
  keystore: Keystore,
  above: IssuedCertificate | undefined,
  now: Date,
): Promise<Uint8Array> {
  if (above === undefined) return utf8.encode(await crlBundle(keystore, now));
  let pem = '';
  const issuing = keystore.authority(above.authority);
  const between = issuing === undefined ? [] : intermediatesAbove(keystore.state, issuing).map(({ id }) => id);
  for (const { id, role } of crlOrder(keystore.state, now))
    if (role === 'root' || id === above.authority || between.includes(id))
      pem += encodePem('X509 CRL', await keystore.crl(id));
  return utf8.encode(pem);
}

/** The chain as servers send it, without a key. */
export async function exportChain(keystore: Keystore, certificate: IssuedCertificate): Promise<Uint8Array> {
  return utf8.encode(chainPem(keystore, await keystore.der(certificate), certificate.authority));
}

/** Chain and key in one file, as HAProxy and MongoDB want it. */
export async function exportCombined(
  keystore: Keystore,
  certificate: IssuedCertificate,
  from: string,
): Promise<Uint8Array> {
  const chain = await exportChain(keystore, certificate);
  return withKey(keystore, certificate, from, ({ pem }) => concatBytes(chain, pem));
}

/** A Kubernetes Secret of type kubernetes.io/tls. */
export async function exportSecret(
  keystore: Keystore,
  certificate: IssuedCertificate,
  from: string,
  meta: { name: string; namespace: string | undefined },
  now: Date,
): Promise<Uint8Array> {
  const chain = await exportChain(keystore, certificate);
  const anchors = exportBundle(keystore, now);
  return withKey(keystore, certificate, from, ({ pem }) =>
    kubernetesSecret(meta, { certificate: chain, key: pem, trustBundle: anchors }),
  );
}

/** A PKCS#12 file with key, chain and trust anchors. */
export async function exportPkcs12(
  keystore: Keystore,
  certificate: IssuedCertificate,
  from: string,
  password: Uint8Array,
  now: Date,
): Promise<Uint8Array> {
  const { state } = keystore;
  const der = await keystore.der(certificate);
  const issuing = fromBase64(keystore.authority(certificate.authority)?.certificate ?? '');
  const nameOf = (der: Uint8Array): string =>
    state.authorities.find((one) => one.certificate === toBase64(der))?.id ?? 'anchor';
  const { name, plane } = certificate;
  const anchors = bundleAnchors(state)
    .filter((der) => parseCertificate(der).notAfter + 1000 > now.getTime())
    .map((der) => ({ der, friendlyName: `${state.cluster} ${nameOf(der)}` }));
  const friendlyName = plane === '' ? name : `${name}/${plane}`;
  return withKey(keystore, certificate, from, ({ pkcs8 }) =>
    encodePkcs12({ privateKey: pkcs8, chain: [der, issuing], friendlyName, anchors }, password),
  );
}

/**
 * The current certificate among those of one name.
 * @throws ERR_NOT_FOUND on a plane that it never had; ERR_USAGE when it has several planes and none was meant
 */
export function chooseCertificate(rows: readonly IssuedCertificate[], plane: string | undefined): IssuedCertificate {
  const current = rows.filter((row) => !row.superseded && (plane === undefined || row.plane === plane));
  const [only] = current;
  const { name = '' } = rows[0] ?? {};
  if (only === undefined)
    throw new ClusterCaError(
      'ERR_NOT_FOUND',
      `${name} has no certificate${plane === undefined ? '' : ` on plane ${plane}`}`,
      {
        hint: `cluster-ca list --node ${name}`,
      },
    );
  if (current.length > 1)
    throw new ClusterCaError('ERR_USAGE', `${name} has certificates on several planes`, {
      hint: `say which: ${current.map((row) => `--plane ${row.plane}`).join(' or ')}`,
    });
  return only;
}

/** Refuses to hand out a key with a certificate that nobody accepts. @throws ERR_STATE */
export function requireUsable(certificate: IssuedCertificate, now: Date): void {
  const status = statusOf(certificate, now);
  if (status === 'valid') return;
  throw new ClusterCaError('ERR_STATE', `the certificate of ${certificate.name} is ${status}`, {
    hint: status === 'revoked' ? issueCommandFor(certificate) : `cluster-ca rotate ${certificate.name}`,
  });
}

/** Reads the key, hands it over, and zeroes it whatever happens. */
async function withKey(
  keystore: Keystore,
  certificate: IssuedCertificate,
  from: string,
  use: (key: { pem: Uint8Array; pkcs8: Uint8Array }) => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const spki = toHex(parseCertificate(await keystore.der(certificate)).publicKey.der);
  const key = readPemKey(from, certificate, spki);
  try {
    return await use(key);
  } finally {
    key.pem.fill(0);
    key.pkcs8.fill(0);
  }
}
