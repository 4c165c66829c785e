import { resolve } from 'node:path';
import { type SignedCrl, signedCrl } from '../authority/sign-crl.ts';
import type { Context } from '../context.ts';
import { sha256 } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64, toHex } from '../pki/encoding.ts';
import { prepareCertificate } from '../pki/prepare.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { readInputFile } from '../what/read-file.ts';
import { askedCertificates, firstRootCrl } from './asked.ts';
import { type CeremonyAnswer, type CeremonyKind, type CeremonyRequest, readAnswer } from './documents.ts';
import { requireKind } from './sign.ts';
import { type Transcript, transcriptOf } from './transcript.ts';

const verify = createVerifySignature();

/** What came back, whole, and for this keystore. */
export interface Answered {
  request: CeremonyRequest;
  answer: CeremonyAnswer;
  transcript: Transcript;
}

/**
 * Reads an answer: the request in it is this keystore's own, and the root that was asked has signed all of it.
 * @param kinds what this command takes
 * @throws ERR_CONFIG for anything else; ERR_USAGE for one that another command takes
 */
export async function readAnswered(
  ctx: Context,
  keystore: Keystore,
  name: string,
  kinds: readonly CeremonyKind[],
): Promise<Answered> {
  const { identity } = keystore;
  const bytes = readInputFile(resolve(ctx.cwd, name), 'answer');
  const { answer, request, requestBytes } = readAnswer(bytes, identity, name);
  requireKind(request, kinds);
  const known = keystore.authority(request.authority.id);
  if (request.cluster !== keystore.state.cluster || known?.certificate !== request.authority.certificate)
    throw new ClusterCaError('ERR_CONFIG', `${name} is of a root that this keystore does not know`);
  const transcript = await transcriptOf(identity, request, requestBytes, { answer, bytes });
  const answered = { request, answer, transcript };
  await compareAll(keystore, answered);
  return answered;
}

/** What was signed is what was asked for, before anything is said of it. @throws ERR_POLICY */
async function compareAll(keystore: Keystore, answered: Answered): Promise<void> {
  const { request } = answered;
  if (request.tbs !== undefined) answeredCrl(keystore, answered);
  const certificates = await answeredCertificates(keystore, answered);
  if (request.type === 'root') answeredFirstCrl(answered, certificates);
  for (const { id, certificate } of request.destroyed ?? [])
    if (keystore.authority(id)?.certificate !== certificate)
      throw new ClusterCaError('ERR_CONFIG', `the answer is of a ${id} that this keystore does not know`);
}

/** The CRL of the root that was asked. @throws ERR_POLICY when it is another than was asked for */
export function answeredCrl(keystore: Keystore, { request, answer }: Answered): SignedCrl {
  const { authority, tbs } = request;
  if (answer.crl === undefined || tbs === undefined) throw otherwise();
  const signed = signedCrl(authority.id, keystore.authorityCertificate(authority.id), fromBase64(answer.crl));
  if (!equalBytes(parseCrl(signed.der).tbs, fromBase64(tbs))) throw otherwise();
  return signed;
}

/** The certificates that were asked for, each compared octet for octet, its signature verified. @throws ERR_POLICY */
export async function answeredCertificates(keystore: Keystore, { request, answer }: Answered): Promise<Certificate[]> {
  const given = (answer.certificates ?? []).map((der) => parseCertificate(fromBase64(der)));
  const rest = [...given];
  const spki = request.type === 'root' ? given[0]?.publicKey.der : undefined;
  if (request.type === 'root' && spki === undefined) throw otherwise();
  const asked = await askedCertificates(keystore.identity, request, spki, async ({ template, issuer }) => {
    const one = rest.shift();
    const { preview } = prepareCertificate(template, issuer, (data) => sha256(data));
    if (one === undefined || !equalBytes(one.tbs, preview.tbs)) throw otherwise();
    if (!verify((issuer ?? one).publicKey, one.signatureAlgorithm, one.tbs, one.signature)) throw otherwise();
    return one;
  });
  if (rest.length > 0) throw otherwise();
  return asked;
}

/** The first CRL of the new root. @throws ERR_POLICY */
export function answeredFirstCrl({ request, answer }: Answered, certificates: readonly Certificate[]): SignedCrl {
  const { authority, issuer, tbs } = firstRootCrl(request, certificates);
  if (answer.crl === undefined) throw otherwise();
  const signed = signedCrl(authority, issuer, fromBase64(answer.crl));
  if (!equalBytes(parseCrl(signed.der).tbs, tbs)) throw otherwise();
  return signed;
}

/**
 * Refuses a CRL that says less than the log does by now.
 * @returns false for one that is recorded already
 * @throws ERR_STATE
 */
export async function isNewCrl(keystore: Keystore, signed: SignedCrl, now: Date, command: string): Promise<boolean> {
  const { authority, number, sha256: hash } = signed.ref;
  const last = keystore.state.crls.find((one) => one.authority === authority);
  if (last?.sha256 === hash) return false;
  const listed = new Set([...parseCrl(signed.der).entries()].map(({ serialNumber }) => toHex(serialNumber)));
  const missing = (await keystore.query((index) => index.revocations(authority))).some(
    ({ serial, notAfter }) => !listed.has(serial) && (notAfter === undefined || notAfter > now.getTime()),
  );
  if (missing || (last !== undefined && BigInt(last.number) >= BigInt(number)))
    throw new ClusterCaError('ERR_STATE', `the log has gone on since the request for ${authority} was made`, {
      hint: `make another: ${command} --request FILE`,
    });
  return true;
}

function otherwise(): ClusterCaError {
  return new ClusterCaError('ERR_POLICY', 'what was signed is not what the request asked for');
}
