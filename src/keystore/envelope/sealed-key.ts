import { sha256Hex } from '../../crypto/hash.ts';
import type { TokenKey } from '../../crypto/token/token.ts';
import type { GeneratedKey } from '../../pki/key.ts';
import type { KeyType } from '../../pki/x509/algorithm.ts';
import { tampered } from '../canonical.ts';
import type { Domain, SealedKeyRef } from '../log/bodies.ts';
import { hex, type Shaped } from '../shape.ts';
import { decodeExternalKey, type ExternalKey, encodeExternalKey } from './external-key.ts';
import {
  decodeKeyFile,
  encodeKeyFile,
  type KeyFile,
  type KeyPlace,
  keyFileShape,
  newKeyId,
  sealedName,
} from './key-file.ts';
import { type SealContext, seal, sealing, unseal } from './seal.ts';
import { decodeTokenKey, encodeTokenKey } from './token-key.ts';

export { sealedName } from './key-file.ts';

const sealedFile = keyFileShape('sealed-key', { spkiSha256: hex(32), sealed: sealing });
type SealedFile = Shaped<typeof sealedFile.shape>;

/**
 * The file of a CA's key, wherever its octets are: wrapped under the domain's master key, or, of a key in a token and of
 * another PKI's, what says where it is.
 */
export function storeKey(
  keystoreId: string,
  place: KeyPlace,
  masterKey: Uint8Array,
  key: GeneratedKey | TokenKey | ExternalKey,
): KeyFile {
  if ('external' in key) return encodeExternalKey(keystoreId, place, key);
  if ('uri' in key) return encodeTokenKey(keystoreId, place, key);
  const fields = { algorithm: key.keyType, spkiSha256: sha256Hex(key.spki) };
  const { keyId = newKeyId() } = place;
  return sealAs(keystoreId, { ...place, keyId }, fields, masterKey, key.pkcs8);
}

/**
 * Seals a key that is there anew, under another master key and a later epoch. What was written is opened again before
 * it is returned.
 * @throws ERR_KEYSTORE_TAMPERED when it does not open under the old master key
 */
export function resealKey(
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
  old: Uint8Array,
  next: { masterKey: Uint8Array; epoch: number },
): KeyFile {
  const place = { domain: ref.domain, epoch: next.epoch, keyId: ref.keyId };
  // Nothing of a key that is elsewhere is sealed: what changes is the epoch in its file's name.
  const elsewhere = decodeTokenKey(keystoreId, ref, bytes) ?? decodeExternalKey(keystoreId, ref, bytes);
  if (elsewhere !== undefined) return storeKey(keystoreId, place, next.masterKey, elsewhere);
  const { algorithm, spkiSha256 } = decodeSealedKey(keystoreId, ref, bytes);
  const pkcs8 = openSealedKey(keystoreId, ref, bytes, old);
  try {
    const made = sealAs(keystoreId, place, { algorithm, spkiSha256 }, next.masterKey, pkcs8);
    const again = openSealedKey(keystoreId, made.ref, made.bytes, next.masterKey);
    if (Buffer.compare(again, pkcs8) !== 0) throw new Error(`${sealedName(ref)} was not sealed as it was`);
    again.fill(0);
    return made;
  } finally {
    pkcs8.fill(0);
  }
}

function sealAs(
  keystoreId: string,
  { domain, epoch, keyId }: Pick<SealedKeyRef, 'domain' | 'epoch' | 'keyId'>,
  fields: { algorithm: KeyType; spkiSha256: string },
  masterKey: Uint8Array,
  pkcs8: Uint8Array,
): KeyFile {
  const sealed = seal(masterKey, context(keystoreId, domain, keyId, epoch, fields), pkcs8);
  return encodeKeyFile(keystoreId, sealedFile.type, { domain, epoch, keyId }, { ...fields, sealed });
}

/** Reads a sealed key's file and holds it against the log. @throws ERR_KEYSTORE_TAMPERED */
export function decodeSealedKey(keystoreId: string, ref: SealedKeyRef, bytes: Uint8Array | undefined): SealedFile {
  const file = decodeKeyFile(sealedFile, keystoreId, ref, bytes);
  if (file === undefined) throw tampered(`sealed/${sealedName(ref)} is no sealed key`);
  return file;
}

/** Reads the file of a key, sealed or in a token, and holds it against the log. @throws ERR_KEYSTORE_TAMPERED */
export function decodeStoredKey(keystoreId: string, ref: SealedKeyRef, bytes: Uint8Array | undefined): void {
  if (decodeTokenKey(keystoreId, ref, bytes) ?? decodeExternalKey(keystoreId, ref, bytes)) return;
  decodeSealedKey(keystoreId, ref, bytes);
}

/** The private key in PKCS#8, for the caller to zero. @throws ERR_KEYSTORE_TAMPERED when it does not open under the master key */
export function openSealedKey(
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
  masterKey: Uint8Array,
): Uint8Array {
  const file = decodeSealedKey(keystoreId, ref, bytes);
  const what = `sealed/${sealedName(ref)}`;
  const key = unseal(masterKey, context(keystoreId, ref.domain, ref.keyId, ref.epoch, file), file.sealed, what);
  if (key === undefined) throw tampered(`${what} is sealed under another master key`);
  return key;
}

function context(
  keystoreId: string,
  domain: Domain,
  keyId: string,
  epoch: number,
  { algorithm, spkiSha256 }: { algorithm: KeyType; spkiSha256: string },
): SealContext {
  return { keystoreId, type: `sealed-key-${domain}`, keyId, epoch, algorithm, spkiSha256 };
}
