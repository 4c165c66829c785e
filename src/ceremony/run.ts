import { resolve } from 'node:path';
import { crlNumberOf, prepareNextCrl, signedCrl } from '../authority/sign-crl.ts';
import { type Context, openKeystoreToWrite, rootKeystoreAt } from '../context.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { openToken } from '../crypto/token/token.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { encodeCanonicalFile, tampered } from '../keystore/canonical.ts';
import { openSealedKey, sealedName } from '../keystore/envelope/sealed-key.ts';
import { openSlot, type Secret } from '../keystore/envelope/slot.ts';
import { decodeTokenKey } from '../keystore/envelope/token-key.ts';
import { decodeIdentity, type Identity } from '../keystore/identity.ts';
import type { CrlRef } from '../keystore/log/bodies.ts';
import { encodeSignedLine } from '../keystore/log/record.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { Store } from '../keystore/store.ts';
import { actor } from '../keystore/writer.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64, toBase64, toHex } from '../pki/encoding.ts';
import { importSigner } from '../pki/key.ts';
import { prepareCrl, sign } from '../pki/prepare.ts';
import type { Signer } from '../pki/signer.ts';
import { encodeSigned } from '../pki/template.ts';
import { signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { writeResultFile } from '../placement/result-file.ts';
import { dropReplaced, nextCrl, putCrl, requireAuthority, requireKey } from '../revocation/renew-crls.ts';
import { isGiven } from '../secrets/inputs.ts';
import { resolveSecrets } from '../secrets/resolve.ts';
import { keyValues } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import { openWriter, ordinaryInputs, pinSource, rootInputs, secretContext, type UnlockOptions } from '../unlocking.ts';
import { readInputFile } from '../what/read-file.ts';
import { CEREMONY, type CeremonyRequest, readAnswer, readRequest } from './documents.ts';

export interface CeremonyOptions extends UnlockOptions {
  authority?: string;
  lifetime?: number;
  /** Where the request goes; the request to sign; the answer to take. */
  request?: string;
  sign?: string;
  accept?: string;
  out?: string;
}

/** What was signed, for those who were there and for those who read of it. */
interface Transcript {
  cluster: string;
  authority: string;
  root: string;
  number: string;
  thisUpdate: string;
  nextUpdate: string;
  revoked: string[];
  /** SHA-256 of the files. */
  request: string;
  crl?: string;
  signedAt?: string;
  actor?: string;
}

/** Here, without the root's key: what the root is asked to sign, signed by the audit key. Nothing is recorded. */
export async function runCeremonyRequest(ctx: Context, options: CeremonyOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const authority = requireAuthority({ keystore }, options.authority ?? '');
  requireKey({ keystore }, authority);
  if (authority.role !== 'root')
    throw new ClusterCaError('ERR_USAGE', `${authority.id} signs here: a request is for a root that is elsewhere`, {
      hint: 'cluster-ca crl --renew',
    });
  const writer = await openWriter(ctx, keystore, options);
  try {
    const { lifetime } = options;
    const next = await nextCrl(writer, authority, { lifetime });
    const { tbs } = prepareNextCrl({ ...next, keyType: authority.keyType });
    const { slots, cluster, audit } = keystore.state;
    const document: CeremonyRequest = {
      v: 1,
      type: 'crl',
      cluster,
      createdAt: ctx.now().toISOString(),
      authority,
      slots: slots.filter(({ domain }) => domain === 'root'),
      tbs: toBase64(tbs),
    };
    const signer = await writer.daily.signer(audit.sealed, 'ed25519');
    const bytes = await encodeSignedLine(CEREMONY, keystore.identity.id, document, signer);
    const path = resolve(ctx.cwd, options.request as string);
    await writeResultFile(path, bytes);
    const transcript = transcriptOf(document, bytes, tbs);
    ctx.ui.result({ files: [path], ...transcript }, (style) =>
      [
        `wrote ${path}`,
        ...lines(transcript, style),
        `next: where the root is, cluster-ca crl --sign ${options.request} --root-keystore DIR --out ANSWER`,
      ].join('\n'),
    );
  } finally {
    writer.daily.close();
  }
}

/** Where the root is, with nothing of the keystore but its root domain: signs the very octets of the request. */
export async function runCeremonySign(ctx: Context, options: CeremonyOptions): Promise<void> {
  if (options.rootKeystore === undefined || options.out === undefined)
    throw new ClusterCaError('ERR_USAGE', '--sign wants --root-keystore DIR, where the key is, and --out ANSWER');
  const store = rootKeystoreAt(resolve(ctx.cwd, options.rootKeystore));
  const identity = decodeIdentity((await store.readIdentity()) as Uint8Array);
  const bytes = readInputFile(resolve(ctx.cwd, options.sign as string), 'request');
  const request = readRequest(bytes, identity, options.sign as string);
  const issuer = parseCertificate(fromBase64(request.authority.certificate));
  const tbs = fromBase64(request.tbs);
  const prepared = prepareCrl(tbs, signatureAlgorithmFor(request.authority.keyType), issuer);
  const signer = await rootSigner(ctx, store, identity, request, options);
  const { der, ref } = signedCrl(request.authority.id, issuer, await sign(prepared, signer));
  const said = { signedAt: ctx.now().toISOString(), actor: actor() };
  const answer = { v: 1, type: 'cluster-ca ceremony answer', request: toBase64(bytes), crl: toBase64(der), ...said };
  const path = resolve(ctx.cwd, options.out);
  await writeResultFile(path, encodeCanonicalFile(answer));
  const transcript = { ...transcriptOf(request, bytes, tbs), crl: ref.sha256, ...said };
  ctx.ui.result({ files: [path], ...transcript }, (style) =>
    [`signed, and wrote ${path}`, ...lines(transcript, style), `next: cluster-ca crl --accept ${options.out}`].join(
      '\n',
    ),
  );
}

/** Here again: what came back is recorded, when it is what was asked for, and still says all that the log does. */
export async function runCeremonyAccept(ctx: Context, options: CeremonyOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const name = options.accept as string;
  const answer = readAnswer(readInputFile(resolve(ctx.cwd, name), 'answer'), name);
  const bytes = fromBase64(answer.request);
  const request = readRequest(bytes, keystore.identity, name);
  const { id } = request.authority;
  const issuer = keystore.authorityCertificate(id);
  const signed = signedCrl(id, issuer, fromBase64(answer.crl));
  const crl = parseCrl(signed.der);
  if (!equalBytes(crl.tbs, fromBase64(request.tbs)))
    throw new ClusterCaError('ERR_POLICY', 'what was signed is not what the request asked for');
  const listed = new Set([...crl.entries()].map(({ serialNumber }) => toHex(serialNumber)));
  const writer = await openWriter(ctx, keystore, options);
  try {
    const crls = await writer.inTurn(ctx.globals.wait, async (): Promise<CrlRef[]> => {
      await putCrl(writer, signed);
      const before = keystore.state.crls;
      const record = await writer.commit('crl', newRequestId(), async () => {
        const last = keystore.state.crls.find((one) => one.authority === id);
        if (last?.sha256 === signed.ref.sha256) return undefined;
        const missing = (await keystore.query((index) => index.revocations(id))).some(
          ({ serial, notAfter }) => !listed.has(serial) && (notAfter === undefined || notAfter > ctx.now().getTime()),
        );
        if (missing || (last !== undefined && BigInt(last.number) >= BigInt(signed.ref.number)))
          throw new ClusterCaError('ERR_STATE', `the log has gone on since the request for ${id} was made`, {
            hint: `make another: cluster-ca crl --renew --authority ${id} --request FILE`,
          });
        return { crls: [signed.ref] };
      });
      await dropReplaced(writer, before);
      return record?.body.crls ?? [];
    });
    const transcript = {
      ...transcriptOf(request, bytes, crl.tbs),
      crl: signed.ref.sha256,
      signedAt: answer.signedAt,
      actor: answer.actor,
    };
    ctx.ui.result({ recorded: crls.length > 0, ...transcript }, (style) =>
      [
        crls.length > 0 ? `recorded the CRL of ${id}` : `the CRL of ${id} is recorded already`,
        ...lines(transcript, style),
      ].join('\n'),
    );
  } finally {
    writer.daily.close();
  }
}

async function rootSigner(
  ctx: Context,
  store: Store,
  { id }: Identity,
  { authority, slots, cluster }: CeremonyRequest,
  options: CeremonyOptions,
): Promise<Signer> {
  const { sealed, keyType } = authority;
  const bytes = await store.readBlob('sealed', sealedName(sealed));
  const token = decodeTokenKey(id, sealed, bytes);
  if (token !== undefined) return (await openToken(token.uri, pinSource(ctx, options))).signerOf(token);
  const own = rootInputs(options);
  const secrets = await resolveSecrets(isGiven(own) ? own : ordinaryInputs(options), secretContext(ctx), {
    what: `root passphrase of ${cluster}`,
    keyFileOnly: slots.every(({ kind }) => kind === 'key-file'),
  });
  const masterKey = await openAny(store, id, slots, secrets);
  const pkcs8 = openSealedKey(id, sealed, bytes, masterKey);
  try {
    return await importSigner(await loadCrypto(), keyType, pkcs8);
  } finally {
    pkcs8.fill(0);
    masterKey.fill(0);
    for (const secret of secrets) secret.bytes.fill(0);
  }
}

async function openAny(
  store: Store,
  id: string,
  slots: CeremonyRequest['slots'],
  secrets: Secret[],
): Promise<Uint8Array> {
  for (const secret of secrets)
    for (const slot of slots) {
      if (slot.kind !== secret.kind) continue;
      const opened = await openSlot(id, slot, await store.readBlob('slots', slot.id), secret);
      if (opened !== undefined) return opened.masterKey;
    }
  throw new ClusterCaError('ERR_PASSPHRASE', 'no slot of the root domain is opened by what was given', {
    hint: 'give its passphrase with --root-passphrase-file, its key file with --key-file, or its shares',
  });
}

function transcriptOf({ cluster, authority }: CeremonyRequest, bytes: Uint8Array, tbs: Uint8Array): Transcript {
  // The octets that are signed, with a signature of none: they are read as any CRL is.
  const root = parseCertificate(fromBase64(authority.certificate));
  const crl = parseCrl(encodeSigned(tbs, signatureAlgorithmFor(authority.keyType), new Uint8Array(64)));
  if (crl.nextUpdate === undefined) throw tampered('the CRL of the request never ends');
  return {
    cluster,
    authority: authority.id,
    root: sha256Hex(root.der),
    number: crlNumberOf(crl).toString(),
    thisUpdate: new Date(crl.thisUpdate).toISOString(),
    nextUpdate: new Date(crl.nextUpdate).toISOString(),
    revoked: [...crl.entries()].map(({ serialNumber }) => toHex(serialNumber)),
    request: sha256Hex(bytes),
  };
}

function lines({ revoked, ...rest }: Transcript, style: Style): string[] {
  const entries = Object.entries({ ...rest, revoked: revoked.length === 0 ? 'nothing' : revoked });
  return keyValues(
    entries.map(([label, value]) => ({ label, value })),
    style,
    { indent: 2 },
  );
}
