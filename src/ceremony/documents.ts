import { ClusterCaError } from '../errors.ts';
import { decodeCanonicalFile } from '../keystore/canonical.ts';
import type { Identity } from '../keystore/identity.ts';
import { authority, slot } from '../keystore/log/parts.ts';
import { decodeSignedLine } from '../keystore/log/record.ts';
import { base64, integer, list, oneOf, record, type Shaped, text, timestamp } from '../keystore/shape.ts';
import { fromBase64 } from '../pki/encoding.ts';

/** What is signed by the audit key in front of a request: no record, and no checkpoint. */
export const CEREMONY = 'ceremony';

const request = record({
  v: integer,
  type: oneOf('crl'),
  cluster: text,
  createdAt: timestamp,
  authority,
  slots: list(slot),
  tbs: base64,
});
/** What a root CA on another machine is asked to sign: the CRL's own octets, and what opens the key there. */
export type CeremonyRequest = Shaped<typeof request>;

const answer = record({
  v: integer,
  type: oneOf('cluster-ca ceremony answer'),
  request: base64,
  crl: base64,
  signedAt: timestamp,
  actor: text,
});
/** The request as it came, and the CRL. */
export type CeremonyAnswer = Shaped<typeof answer>;

/** Reads a request, signed by the audit key of this keystore. @throws ERR_CONFIG */
export function readRequest(bytes: Uint8Array, { id, auditKey }: Identity, name: string): CeremonyRequest {
  return asInput(name, () => request(decodeSignedLine(CEREMONY, id, bytes, fromBase64(auditKey), name), name));
}

/** @throws ERR_CONFIG */
export function readAnswer(bytes: Uint8Array, name: string): CeremonyAnswer {
  return asInput(name, () => answer(decodeCanonicalFile(bytes, name), name));
}

/** A file that somebody brings is an input: what is wrong with it says nothing of the keystore. */
function asInput<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new ClusterCaError(
      'ERR_CONFIG',
      `${name} is none of this keystore's ceremonies: ${(cause as Error).message}`,
      {
        hint: 'the request is what crl --renew --request wrote, the answer what crl --sign wrote',
        cause,
      },
    );
  }
}
