import type { DerReader } from '../der/reader.ts';
import { NULL, oid, sequence } from '../der/writer.ts';
import { OID } from '../oids.ts';

/** An AlgorithmIdentifier (RFC 5280 §4.1.1.2). `der` is the whole value; `parameters` too, where there are any. */
export interface AlgorithmIdentifier {
  oid: string;
  parameters: Uint8Array | undefined;
  der: Uint8Array;
}

export function readAlgorithm(reader: DerReader): AlgorithmIdentifier {
  const at = reader.offset;
  const inner = reader.enter();
  const algorithm = inner.oid();
  const parameters = inner.done ? undefined : inner.raw();
  inner.end();
  return { oid: algorithm, parameters, der: reader.since(at) };
}

/** The key types of cli.md, for nodes; all but Ed25519 and RSA-2048 for CAs as well. */
export type KeyType = 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519';
export const KEY_TYPES: readonly KeyType[] = [
  'ecdsa-p256',
  'ecdsa-p384',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ed25519',
];
export const CA_KEY_TYPES: readonly KeyType[] = ['ecdsa-p256', 'ecdsa-p384', 'rsa-3072', 'rsa-4096'];

const RSA_SHA256 = sequence(oid(OID.sha256WithRSAEncryption), NULL);
const SIGNATURE_ALGORITHMS: Record<KeyType, Uint8Array> = {
  'ecdsa-p256': sequence(oid(OID.ecdsaWithSHA256)),
  'ecdsa-p384': sequence(oid(OID.ecdsaWithSHA384)),
  'rsa-2048': RSA_SHA256,
  'rsa-3072': RSA_SHA256,
  'rsa-4096': RSA_SHA256,
  ed25519: sequence(oid(OID.ed25519)),
};

/** The signatureAlgorithm a key of this type makes: ECDSA without parameters (RFC 5758 §3.2), RSA with NULL (RFC 4055 §5), Ed25519 without (RFC 8410 §3). */
export function signatureAlgorithmFor(keyType: KeyType): Uint8Array {
  return SIGNATURE_ALGORITHMS[keyType];
}
