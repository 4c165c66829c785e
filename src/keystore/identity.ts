import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { decodeCanonicalFile, encodeCanonicalFile, tampered } from './canonical.ts';
import { base64, flag, hex, integer, oneOf, record, type Shaped } from './shape.ts';

const shape = record({
  type: oneOf('cluster-ca keystore'),
  format: integer,
  id: hex(16),
  auditKey: base64,
  groupRead: flag,
  rootElsewhere: flag,
});

/** The KEYSTORE file: made once by `init`, never changed, bound to the log by record 0. */
export type Identity = Shaped<typeof shape>;

export function encodeIdentity(identity: Identity): Uint8Array {
  return encodeCanonicalFile(identity);
}

/** @throws ERR_KEYSTORE_TAMPERED when it is malformed or of a later format */
export function decodeIdentity(bytes: Uint8Array): Identity {
  const value = decodeCanonicalFile(bytes, 'KEYSTORE');
  const format = typeof value === 'object' && value !== null && !Array.isArray(value) ? value.format : undefined;
  if (typeof format === 'number' && format > 1)
    throw new ClusterCaError('ERR_KEYSTORE_TAMPERED', `the keystore has format ${format}, made by a later cluster-ca`, {
      hint: 'install that version, or a newer one',
    });
  const identity = shape(value, 'KEYSTORE');
  if (identity.format !== 1) throw tampered('KEYSTORE has an unknown format');
  return identity;
}

/** SHA-256 of the audit key's SubjectPublicKeyInfo, as `init` prints it. */
export function auditKeyFingerprint(identity: Identity): string {
  return sha256Hex(fromBase64(identity.auditKey));
}
