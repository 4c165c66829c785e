import { randomBytes, sha256Hex } from '../../crypto/hash.ts';
import { toHex } from '../../pki/encoding.ts';
import { KEY_TYPES, type KeyType } from '../../pki/x509/algorithm.ts';
import { decodeCanonicalFile, encodeCanonicalFile, tampered } from '../canonical.ts';
import type { Domain, SealedKeyRef } from '../log/bodies.ts';
import { hex, integer, oneOf, record, type Shaped } from '../shape.ts';
import { decodeExternalKey, encodeExternalKey } from './external-key.ts';
import { type SealContext, seal, sealing, unseal } from './seal.ts';
import { decodeTokenKey, encodeTokenKey } from './token-key.ts';

const sealedFile = record({
  v: integer,
  type: oneOf('sealed-key'),
  keystore: hex(16),
  keyId: hex(16),
  epoch: integer,
  domain: oneOf('root', 'daily'),
  algorithm: oneOf(...KEY_TYPES),
  spkiSha256: hex(32),
  sealed: sealing,
});
type SealedFile = Shaped<typeof sealedFile>;

/** The name of a sealed key's file. */
export function sealedName(ref: SealedKeyRef): string {
  return `${ref.keyId}.${ref.epoch}`;
}

/** Wraps a private key (PKCS#8) under its domain's master key. */
export function sealKey(
  keystoreId: string,
  domain: Domain,
  masterKey: Uint8Array,
  epoch: number,
  key: { keyType: KeyType; pkcs8: Uint8Array; spki: Uint8Array },
): SealedKey {
  const fields = { algorithm: key.keyType, spkiSha256: sha256Hex(key.spki) };
  return sealAs(keystoreId, { domain, epoch, keyId: toHex(randomBytes(16)) }, fields, masterKey, key.pkcs8);
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
): SealedKey {
  const token = decodeTokenKey(keystoreId, ref, bytes);
  // Nothing of it is sealed: what changes is the epoch in its name.
  if (token !== undefined)
    return encodeTokenKey(keystoreId, { domain: ref.domain, epoch: next.epoch, keyId: ref.keyId }, token);
  const external = decodeExternalKey(keystoreId, ref, bytes);
  if (external !== undefined)
    return encodeExternalKey(keystoreId, { domain: ref.domain, epoch: next.epoch, keyId: ref.keyId }, external);
  const { algorithm, spkiSha256 } = decodeSealedKey(keystoreId, ref, bytes);
  const pkcs8 = openSealedKey(keystoreId, ref, bytes, old);
  try {
    const { domain, keyId } = ref;
    const place = { domain, epoch: next.epoch, keyId };
    const made = sealAs(keystoreId, place, { algorithm, spkiSha256 }, next.masterKey, pkcs8);
    const again = openSealedKey(keystoreId, made.ref, made.bytes, next.masterKey);
    if (Buffer.compare(again, pkcs8) !== 0) throw new Error(`${sealedName(ref)} was not sealed as it was`);
    again.fill(0);
    return made;
  } finally {
    pkcs8.fill(0);
  }
}

/** A sealed key's file, and how the log names it. */
export interface SealedKey {
  ref: SealedKeyRef;
  bytes: Uint8Array;
}

function sealAs(
  keystoreId: string,
  { domain, epoch, keyId }: Pick<SealedKeyRef, 'domain' | 'epoch' | 'keyId'>,
  fields: { algorithm: KeyType; spkiSha256: string },
  masterKey: Uint8Array,
  pkcs8: Uint8Array,
): SealedKey {
  const file: SealedFile = {
    v: 1,
    type: 'sealed-key',
    keystore: keystoreId,
    keyId,
    epoch,
    domain,
    ...fields,
    sealed: seal(masterKey, context(keystoreId, domain, keyId, epoch, fields), pkcs8),
  };
  const bytes = encodeCanonicalFile(file);
  return { ref: { keyId, epoch, domain, sha256: sha256Hex(bytes) }, bytes };
}

/** Reads a sealed key's file and holds it against the log. @throws ERR_KEYSTORE_TAMPERED */
export function decodeSealedKey(keystoreId: string, ref: SealedKeyRef, bytes: Uint8Array | undefined): SealedFile {
  const what = `sealed/${sealedName(ref)}`;
  if (bytes === undefined) throw tampered(`${what} is missing`);
  if (sha256Hex(bytes) !== ref.sha256) throw tampered(`${what} is not the file that the log names`);
  const file = sealedFile(decodeCanonicalFile(bytes, what), what);
  const { keyId, epoch, domain } = file;
  if (
    file.v !== 1 ||
    file.keystore !== keystoreId ||
    keyId !== ref.keyId ||
    epoch !== ref.epoch ||
    domain !== ref.domain
  )
    throw tampered(`${what} belongs elsewhere`);
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
