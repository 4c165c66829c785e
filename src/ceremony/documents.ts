import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import { decodeCanonicalFile, encodeCanonical } from '../keystore/canonical.ts';
import type { Identity } from '../keystore/identity.ts';
import { sealedKey } from '../keystore/log/parts.ts';
import { decodeSignedLine } from '../keystore/log/record.ts';
import { base64, integer, list, oneOf, optional, record, type Shaped, text, timestamp } from '../keystore/shape.ts';
import { concatBytes } from '../pki/der/writer.ts';
import { fromBase64, fromHex, toBase64 } from '../pki/encoding.ts';
import type { Signer } from '../pki/signer.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { checkAnswer } from './check-answer.ts';
import { checkRequest } from './check-request.ts';
import { type CeremonyRequest, request } from './request-shape.ts';

export type { CeremonyKind, CeremonyRequest, NewCa } from './request-shape.ts';

const verify = createVerifySignature();

/** What is signed by the audit key in front of a request: no record, and no checkpoint. */
export const CEREMONY = 'ceremony';

const said = {
  v: integer,
  type: oneOf('cluster-ca ceremony answer'),
  /** The request as it came. */
  request: base64,
  signedAt: timestamp,
  actor: text,
  crl: optional(base64),
  certificates: optional(list(base64, 4)),
  /** Where the new root's key is sealed, there. */
  sealed: optional(sealedKey),
  /** The roots whose keys are not there any more. */
  destroyed: optional(list(text)),
};
const answer = record({ ...said, signature: base64 });
const unsigned = record(said);
/** The request as it came, and what was made of it; signed by the root that was asked. */
export type CeremonyAnswer = Shaped<typeof answer>;
export type UnsignedAnswer = Shaped<typeof unsigned>;

/** Reads a request, signed by the audit key of this keystore, that asks for what its kind says. @throws ERR_CONFIG */
export function readRequest(bytes: Uint8Array, { id, auditKey }: Identity, name: string): CeremonyRequest {
  return asInput(name, () => requestIn(bytes, { id, auditKey }, name));
}

function requestIn(
  bytes: Uint8Array,
  { id, auditKey }: Pick<Identity, 'id' | 'auditKey'>,
  name: string,
): CeremonyRequest {
  const asked = request(decodeSignedLine(CEREMONY, id, bytes, fromBase64(auditKey), name), name);
  checkRequest(asked);
  return asked;
}

/** Reads an answer, and the request in it, and verifies both. @throws ERR_CONFIG */
export function readAnswer(
  bytes: Uint8Array,
  identity: Identity,
  name: string,
): { answer: CeremonyAnswer; request: CeremonyRequest; requestBytes: Uint8Array } {
  return asInput(name, () => {
    const { signature, ...rest } = answer(decodeCanonicalFile(bytes, name), name);
    const requestBytes = fromBase64(rest.request);
    const asked = requestIn(requestBytes, identity, name);
    checkAnswer(rest, asked);
    const root = parseCertificate(fromBase64(asked.authority.certificate));
    // Self-signed: its own signature is by the same algorithm as this one.
    if (!verify(root.publicKey, root.signatureAlgorithm, statement(identity, rest), fromBase64(signature)))
      throw new ClusterCaError('ERR_CONFIG', `${asked.authority.id} did not sign it so`);
    return { answer: { ...rest, signature }, request: asked, requestBytes };
  });
}

/** Signs an answer by the root that was asked. */
export async function signAnswer(identity: Identity, rest: UnsignedAnswer, root: Signer): Promise<CeremonyAnswer> {
  return { ...rest, signature: toBase64(await root.sign(statement(identity, rest))) };
}

/** What the root signs is no certificate and no CRL: these begin with 30. */
function statement({ id }: Identity, rest: UnsignedAnswer): Uint8Array {
  const encode = (value: string) => new TextEncoder().encode(value);
  return concatBytes(encode('cluster-ca v1 ceremony answer\0'), fromHex(id), encode(encodeCanonical(rest)));
}

/** A file that somebody brings is an input: what is wrong with it says nothing of the keystore. */
function asInput<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ClusterCaError(
      'ERR_CONFIG',
      `${name} is none of this keystore's ceremonies: ${(cause as Error).message}`,
      { hint: 'a request is what --request wrote, an answer what --sign wrote', cause },
    );
  }
}
