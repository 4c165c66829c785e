import { resolve } from 'node:path';
import { signTemplate } from '../authority/make.ts';
import { rootName } from '../authority/names.ts';
import { signedCrl } from '../authority/sign-crl.ts';
import type { Context } from '../context.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { encodeCanonicalFile } from '../keystore/canonical.ts';
import { actor } from '../keystore/writer.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import { prepareCrl, sign } from '../pki/prepare.ts';
import type { Signer } from '../pki/signer.ts';
import { signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { writeResultFile } from '../placement/result-file.ts';
import { safeText } from '../ui/text/safe.ts';
import { readInputFile } from '../what/read-file.ts';
import { askedCertificates, firstRootCrl } from './asked.ts';
import { type CeremonyKind, type CeremonyRequest, readRequest, signAnswer, type UnsignedAnswer } from './documents.ts';
import {
  checkOnMedium,
  type Medium,
  mediumAt,
  type OpenMedium,
  openMedium,
  type Removal,
  removeKeys,
} from './medium.ts';
import type { CeremonyOptions } from './options.ts';
import { type Transcript, transcriptLines, transcriptOf } from './transcript.ts';

/** Which command signs what, and takes the answer. */
const COMMANDS: Record<CeremonyKind, string> = {
  crl: 'cluster-ca crl',
  issuing: 'cluster-ca rollover start',
  root: 'cluster-ca rollover start',
  'last-crl': 'cluster-ca rollover advance',
  destroy: 'cluster-ca rollover advance',
};

/**
 * Where the root is, with nothing of the keystore but its root domain: shows what is asked for, asks, and signs the very
 * octets of it. Killed, or run twice, the same request gives an answer over the same keys.
 * @param kinds what this command signs
 */
export async function runCeremonySign(
  ctx: Context,
  options: CeremonyOptions,
  kinds: readonly CeremonyKind[],
): Promise<void> {
  const { sign: name, rootKeystore, out, dryRun = false } = options;
  if (name === undefined || rootKeystore === undefined || (out === undefined && !dryRun))
    throw new ClusterCaError('ERR_USAGE', '--sign wants --root-keystore DIR, where the key is, and --out ANSWER');
  const medium = await mediumAt(ctx, rootKeystore);
  const { identity } = medium;
  const bytes = readInputFile(resolve(ctx.cwd, name), 'request');
  const request = readRequest(bytes, identity, name);
  requireKind(request, kinds);
  const removal = await checkOnMedium(medium, request);
  const asked = await transcriptOf(identity, request, bytes);
  const odd = oddTime(request, ctx.now());
  if (odd !== undefined) ctx.ui.warn(odd);
  if (dryRun)
    return ctx.ui.result({ ...asked, dryRun: true }, (style) =>
      ['would sign', ...transcriptLines(asked, style)].join('\n'),
    );
  await ask(ctx, request, asked);
  const opened = await openMedium(ctx, medium, request, options);
  try {
    const made = await answerTo(ctx, medium, { request, bytes, removal }, opened);
    const answer = await signAnswer(identity, made, opened.signer);
    const answerBytes = encodeCanonicalFile(answer);
    const path = resolve(ctx.cwd, out as string);
    await writeResultFile(path, answerBytes);
    const transcript = await transcriptOf(identity, request, bytes, { answer, bytes: answerBytes });
    ctx.ui.result({ files: [path], ...transcript }, (style) =>
      [
        `${request.type === 'destroy' ? 'removed' : 'signed'}, and wrote ${safeText(path, style)}`,
        ...transcriptLines(transcript, style),
        `next: ${COMMANDS[request.type]} --accept ${safeText(out as string, style)}`,
      ].join('\n'),
    );
  } finally {
    opened.close();
  }
}

/** @throws ERR_USAGE for a request that another command signs */
export function requireKind({ type }: CeremonyRequest, kinds: readonly CeremonyKind[]): void {
  if (kinds.includes(type)) return;
  throw new ClusterCaError('ERR_USAGE', `this is a request for another command: it is of the kind ${type}`, {
    hint: `${COMMANDS[type]} --sign signs it, and takes the answer with --accept`,
  });
}

/**
 * A CRL is signed without a question, as everywhere, where nothing about it is odd; a CA makes others, and what is
 * destroyed is gone.
 */
async function ask(ctx: Context, request: CeremonyRequest, asked: Transcript): Promise<void> {
  const { type, cluster, authority, destroyed = [] } = request;
  if (type === 'crl' && asked.beware === undefined && oddTime(request, ctx.now()) === undefined) return;
  ctx.ui.note(transcriptLines(asked, ctx.ui.style('stderr')).join('\n'));
  if (type === 'destroy')
    return ctx.ui.confirmByName(
      `remove the keys of ${destroyed.map(({ id }) => id).join(', ')} for good`,
      cluster,
      ctx.globals.confirm,
    );
  await ctx.ui.confirm(`sign this with the key of ${authority.id}?`, ctx.globals.yes ?? false);
}

/** A request that is not of these days may have been answered, or given up, long ago; or one of the clocks is wrong. */
function oddTime({ createdAt }: CeremonyRequest, now: Date): string | undefined {
  const age = (now.getTime() - Date.parse(createdAt)) / 86_400_000;
  if (age >= -1 && age <= 7) return undefined;
  const days = Math.ceil(Math.abs(age));
  return `by this clock the request is ${days} days ${age < 0 ? 'ahead' : 'old'}: ask whether it is wanted, or see to the clock`;
}

async function answerTo(
  ctx: Context,
  medium: Medium,
  { request, bytes, removal }: { request: CeremonyRequest; bytes: Uint8Array; removal: Removal },
  opened: OpenMedium,
): Promise<UnsignedAnswer> {
  const head = {
    v: 1,
    type: 'cluster-ca ceremony answer' as const,
    request: toBase64(bytes),
    signedAt: ctx.now().toISOString(),
    actor: actor(),
  };
  const { authority, tbs, ca, destroyed, type, cluster } = request;
  const issuer = parseCertificate(fromBase64(authority.certificate));
  const crl = tbs === undefined ? {} : { crl: await signCrlOf(fromBase64(tbs), request, issuer, opened.signer) };
  if (destroyed !== undefined) {
    await removeKeys(medium, removal);
    for (const uri of removal.tokens)
      ctx.ui.warn(`a key that was destroyed is in a token, which is not ours to clear: destroy it there: ${uri}`);
    return { ...head, ...crl, destroyed: destroyed.map(({ id }) => id) };
  }
  if (ca === undefined) return { ...head, ...crl };
  const fresh =
    type === 'root'
      ? await opened.keyFor(sha256Hex(bytes).slice(0, 32), ca.keyType, rootName(cluster, ca.generation))
      : undefined;
  const crypto = await loadCrypto();
  const certificates = await askedCertificates(medium.identity, request, fresh?.spki, async (one) =>
    signTemplate(one.template, one.issuer, one.by === 'new' && fresh ? fresh.signer : opened.signer, crypto),
  );
  const signed = { ...head, ...crl, certificates: certificates.map(({ der }) => toBase64(der)) };
  if (fresh === undefined) return signed;
  const first = firstRootCrl(request, certificates);
  const prepared = prepareCrl(first.tbs, first.signatureAlgorithm, first.issuer);
  const { der } = signedCrl(first.authority, first.issuer, await sign(prepared, fresh.signer));
  return { ...signed, crl: toBase64(der), sealed: fresh.sealed };
}

async function signCrlOf(
  tbs: Uint8Array,
  { authority }: CeremonyRequest,
  issuer: Certificate,
  signer: Signer,
): Promise<string> {
  const prepared = prepareCrl(tbs, signatureAlgorithmFor(authority.keyType), issuer);
  return toBase64(signedCrl(authority.id, issuer, await sign(prepared, signer)).der);
}
