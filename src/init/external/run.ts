import { unlink } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AuthorityObject } from '../../authority/authority-object.ts';
import { issuingName } from '../../authority/names.ts';
import type { Context } from '../../context.ts';
import { sha256 } from '../../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { certificateFields } from '../../inspection/certificate-object.ts';
import { anchorDirectory } from '../../keystore/anchor.ts';
import { encodeCanonical } from '../../keystore/canonical.ts';
import { checkPlacesAreFree } from '../../keystore/creation/place.ts';
import { syncDirectory } from '../../keystore/directory/durable.ts';
import { newKeystoreLocation } from '../../keystore/locate.ts';
import type { Policy, Role } from '../../keystore/log/bodies.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { encodePem } from '../../pki/pem.ts';
import type { Certificate } from '../../pki/x509/certificate.ts';
import { writeResultFile } from '../../placement/result-file.ts';
import { isGiven } from '../../secrets/inputs.ts';
import { resolveSecrets } from '../../secrets/resolve.ts';
import { paragraph } from '../../ui/text/lines.ts';
import { ordinaryInputs, pinSource, rootInputs, secretContext } from '../../unlocking.ts';
import { readInputFile } from '../../what/read-file.ts';
import { ISSUING, planInit, ROOT } from '../init.ts';
import type { InitOptions } from '../options.ts';
import { renderInit } from '../render.ts';
import { initSecrets } from '../secrets.ts';
import { openTokens } from '../tokens.ts';
import { type Answer, readAnswer } from './answer.ts';
import { completeExternal } from './complete.ts';
import { pendingPath, readPending } from './pending.ts';
import { requestIssuing } from './request.ts';

/** The request, where the command runs. */
export const CSR = 'issuing.csr';

/** A root that is another PKI's has no domain of ours. @throws ERR_USAGE */
export function checkExternal(options: InitOptions): void {
  const { externalRoot, issuingCert, rootKeystore, rootToken } = options;
  if (externalRoot === undefined && issuingCert === undefined) return;
  if (externalRoot !== undefined && issuingCert !== undefined)
    throw new ClusterCaError(
      'ERR_USAGE',
      '--external-root asks for a certificate, --issuing-cert brings it: one after the other',
    );
  if (rootKeystore !== undefined || rootToken !== undefined || isGiven(rootInputs(options)))
    throw new ClusterCaError('ERR_USAGE', 'the root CA is another PKI: there is no root key to keep or to open', {
      hint: 'leave out what is said of the root',
    });
}

/** Makes the issuing CA's key and writes the request for its certificate. */
export async function runRequest(
  ctx: Context,
  { cluster, policy, keystore: location }: { cluster: string; policy: Policy; keystore: string },
  options: InitOptions,
): Promise<void> {
  const path = resolve(ctx.cwd, CSR);
  const document = { cluster, keystore: location, csr: path, pending: pendingPath(location), policy };
  if (options.dryRun)
    return ctx.ui.result(
      { ...document, dryRun: true },
      () => `would write ${path}, a request for the issuing CA of ${cluster}`,
    );
  const csr = (await madeBefore(location, policy)) ?? (await makeRequest(ctx, { cluster, policy, location }, options));
  await writeResultFile(path, new TextEncoder().encode(encodePem('CERTIFICATE REQUEST', csr)));
  ctx.ui.result(document, (style) =>
    [
      ...paragraph(
        `wrote ${path}: a request for the issuing CA of ${cluster}, with its constraints`,
        style,
        0,
        style.bold,
      ),
      ...paragraph(`its key is sealed in ${document.pending} until the certificate is there`, style),
      'next: have it signed, put the CAs above it, up to the root, behind the certificate in one file, then',
      `  ${style.accent(`cluster-ca init ${cluster} --issuing-cert FILE`)}`,
    ].join('\n'),
  );
}

/** The same request of a run before: it is written again, where it was lost or that run was killed. */
async function madeBefore(location: string, policy: Policy): Promise<Uint8Array | undefined> {
  try {
    const pending = await readPending(location);
    return encodeCanonical(pending.policy) === encodeCanonical(policy) ? fromBase64(pending.csr) : undefined;
  } catch (error) {
    if (isClusterCaError(error, 'ERR_STATE')) return undefined;
    throw error;
  }
}

async function makeRequest(
  ctx: Context,
  { cluster, policy, location }: { cluster: string; policy: Policy; location: string },
  options: InitOptions,
): Promise<Uint8Array> {
  const { daily } = await initSecrets(options, secretContext(ctx));
  const tokens = await openTokens(ctx, { ...options, rootKeystore: location }, { main: location });
  try {
    return await tokens.keepIf(
      requestIssuing({
        cluster,
        policy,
        location,
        groupRead: options.allowGroupRead ?? false,
        secrets: daily,
        now: ctx.now(),
        makeKey: tokens.makers.issuing,
      }),
    );
  } finally {
    for (const { bytes } of daily) bytes.fill(0);
  }
}

/** Makes the keystore, with the certificate that another PKI gave. */
export async function runComplete(ctx: Context, cluster: string, options: InitOptions): Promise<void> {
  const keystore = ctx.globals.keystore ?? ctx.env.CLUSTER_CA_KEYSTORE;
  const location = newKeystoreLocation({ keystore, cluster, env: ctx.env, cwd: ctx.cwd }, cluster);
  await checkPlacesAreFree(location, undefined);
  const pending = await readPending(location);
  if (pending.cluster !== cluster)
    throw new ClusterCaError(
      'ERR_USAGE',
      `what waits at ${location} is the request of ${pending.cluster}, not of ${cluster}`,
    );
  const name = options.issuingCert as string;
  const file = { name, bytes: readInputFile(resolve(ctx.cwd, name), 'certificate') };
  const answer = readAnswer(file, pending, { name: issuingName(cluster, 1, 1) }, ctx.now());
  for (const what of answer.leftOut) ctx.ui.warn(`the issuing CA's certificate: ${what}`);
  if (options.dryRun) {
    const planned = planInit({ cluster, policy: pending.policy, location });
    const plan = { ...planned, authorities: authoritiesOf(answer), leftOut: answer.leftOut };
    return ctx.ui.result({ ...plan, dryRun: true }, (style) => renderInit({ ...plan, external: true }, style));
  }
  const keyFileOnly = pending.slots.every(({ ref }) => ref.kind === 'key-file');
  const secrets = await resolveSecrets(ordinaryInputs(options), secretContext(ctx), {
    what: `passphrase of ${cluster}`,
    keyFileOnly,
  });
  try {
    const made = await completeExternal(
      {
        location,
        secrets,
        anchors: anchorDirectory(ctx.env),
        now: ctx.now(),
        warn: (message) => ctx.ui.warn(message),
        pin: pinSource(ctx, options),
      },
      pending,
      answer,
    );
    await unlink(pendingPath(location));
    await syncDirectory(resolve(location, '..'));
    ctx.ui.result({ ...made, leftOut: answer.leftOut }, (style) => renderInit({ ...made, external: true }, style));
  } finally {
    for (const { bytes } of secrets) bytes.fill(0);
  }
}

/** The CAs of an answer, as the keystore will have them. */
function authoritiesOf({ root, intermediates, issuing }: Answer): Partial<AuthorityObject>[] {
  const one = (id: string, role: Role, certificate: Certificate): Partial<AuthorityObject> => {
    const { subject, keyType, notBefore, notAfter } = certificateFields(certificate, (data) => sha256(data));
    return { id, role, generation: 1, subject, keyType, notBefore, notAfter };
  };
  return [
    one(ROOT, 'root', root),
    ...intermediates.map((certificate, i) => one(`intermediate-g1.${i + 1}`, 'intermediate', certificate)),
    one(ISSUING, 'issuing', issuing),
  ];
}
