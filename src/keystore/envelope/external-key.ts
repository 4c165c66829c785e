import { randomBytes, sha256Hex } from '../../crypto/hash.ts';
import { fromBase64, toBase64, toHex } from '../../pki/encoding.ts';
import { KEY_TYPES, type KeyType } from '../../pki/x509/algorithm.ts';
import { decodeCanonicalFile, encodeCanonicalFile, tampered } from '../canonical.ts';
import type { Domain, SealedKeyRef } from '../log/bodies.ts';
import { base64, hex, integer, oneOf, record } from '../shape.ts';

const externalFile = record({
  v: integer,
  type: oneOf('external-key'),
  keystore: hex(16),
  keyId: hex(16),
  epoch: integer,
  domain: oneOf('root', 'daily'),
  algorithm: oneOf(...KEY_TYPES),
  spki: base64,
});

/** A key that another PKI has: its public half. */
export interface ExternalKey {
  external: true;
  keyType: KeyType;
  spki: Uint8Array;
}

/** The file that stands where a sealed key would, for the key of a root CA that is not ours. */
export function encodeExternalKey(
  keystoreId: string,
  { domain, epoch, keyId = toHex(randomBytes(16)) }: { domain: Domain; epoch: number; keyId?: string },
  { keyType, spki }: ExternalKey,
): { ref: SealedKeyRef; bytes: Uint8Array } {
  const bytes = encodeCanonicalFile({
    v: 1,
    type: 'external-key',
    keystore: keystoreId,
    keyId,
    epoch,
    domain,
    algorithm: keyType,
    spki: toBase64(spki),
  });
  return { ref: { keyId, epoch, domain, sha256: sha256Hex(bytes) }, bytes };
}

/** Reads such a file, and holds it against the log. @returns undefined for any other key's @throws ERR_KEYSTORE_TAMPERED */
export function decodeExternalKey(
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
): ExternalKey | undefined {
  const what = `sealed/${ref.keyId}.${ref.epoch}`;
  if (bytes === undefined) throw tampered(`${what} is missing`);
  if (sha256Hex(bytes) !== ref.sha256) throw tampered(`${what} is not the file that the log names`);
  const value = decodeCanonicalFile(bytes, what);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value.type !== 'external-key')
    return undefined;
  const { v, keystore, keyId, epoch, domain, algorithm, spki } = externalFile(value, what);
  if (v !== 1 || keystore !== keystoreId || keyId !== ref.keyId || epoch !== ref.epoch || domain !== ref.domain)
    throw tampered(`${what} belongs elsewhere`);
  return { external: true, keyType: algorithm, spki: fromBase64(spki) };
}
