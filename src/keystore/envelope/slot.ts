import { randomBytes, sha256Hex } from '../../crypto/hash.ts';
import { hkdfSha256, type ScryptParameters, scrypt } from '../../crypto/kdf.ts';
import { fromBase64, toBase64, toHex } from '../../pki/encoding.ts';
import { decodeCanonicalFile, encodeCanonicalFile, tampered } from '../canonical.ts';
import type { Domain, SlotRef } from '../log/bodies.ts';
import { base64Of, hex, integer, oneOf, optional, pattern, record, type Shaped, timestamp } from '../shape.ts';
import { type SealContext, seal, sealing, unseal } from './seal.ts';

/** What opens a slot. The octets are the caller's to zero. */
export interface Secret {
  kind: 'passphrase' | 'key-file';
  bytes: Uint8Array;
}

/** scrypt's work: N=2^17, r=8, p=1 takes about 0.4 s and 128 MiB. */
export const SCRYPT: ScryptParameters = { n: 2 ** 17, r: 8, p: 1 };
const FLOOR = 2 ** 17;
const CAP = 2 ** 20;
const MOST_PARALLEL = 4;

/** How the key that wraps comes from the secret: scrypt for a passphrase, HKDF for a key file. */
export const kdfShape = record({
  name: oneOf('scrypt', 'hkdf-sha256'),
  salt: base64Of(32),
  n: optional(integer),
  r: optional(integer),
  p: optional(integer),
});
export type Kdf = Shaped<typeof kdfShape>;

const slotFile = record({
  v: integer,
  type: oneOf('slot'),
  keystore: hex(16),
  id: hex(8),
  name: pattern(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a slot name'),
  domain: oneOf('root', 'daily'),
  kind: oneOf('passphrase', 'key-file'),
  createdAt: timestamp,
  kdf: kdfShape,
  epoch: integer,
  sealed: sealing,
});
type SlotFile = Shaped<typeof slotFile>;

export interface NewSlot {
  ref: SlotRef;
  bytes: Uint8Array;
}

/** Makes a slot: the master key of a domain wrapped under a key derived from the secret. `now` in UTC. */
export async function makeSlot(
  keystoreId: string,
  name: string,
  domain: Domain,
  secret: Secret,
  masterKey: Uint8Array,
  epoch: number,
  now: Date,
): Promise<NewSlot> {
  const id = toHex(randomBytes(8));
  const kdf = newKdf(secret);
  const kek = await deriveKek(secret, kdf);
  const createdAt = now.toISOString();
  const file: SlotFile = {
    v: 1,
    type: 'slot',
    keystore: keystoreId,
    id,
    name,
    domain,
    kind: secret.kind,
    createdAt,
    kdf,
    epoch,
    sealed: seal(kek, slotContext(keystoreId, id, epoch, domain), masterKey),
  };
  kek.fill(0);
  const bytes = encodeCanonicalFile(file);
  return { ref: { id, name, domain, kind: secret.kind, createdAt, sha256: sha256Hex(bytes) }, bytes };
}

/**
 * Opens a slot whose file has the hash that the log names.
 * @returns the master key and its epoch; undefined when the secret is another one
 * @throws ERR_KEYSTORE_TAMPERED when the file is not what was written, or asks for more work than is allowed
 */
export async function openSlot(
  keystoreId: string,
  ref: SlotRef,
  bytes: Uint8Array | undefined,
  secret: Secret,
): Promise<{ masterKey: Uint8Array; epoch: number } | undefined> {
  const what = `slots/${ref.id} (slot ${ref.name})`;
  const file = decodeSlot(keystoreId, ref, bytes);
  if (file.kind !== secret.kind) return undefined;
  const kek = await deriveKek(secret, file.kdf);
  try {
    const masterKey = unseal(kek, slotContext(keystoreId, ref.id, file.epoch, file.domain), file.sealed, what);
    return masterKey && { masterKey, epoch: file.epoch };
  } finally {
    kek.fill(0);
  }
}

/** Reads a slot's file and holds it against the log. @throws ERR_KEYSTORE_TAMPERED */
export function decodeSlot(keystoreId: string, ref: SlotRef, bytes: Uint8Array | undefined): SlotFile {
  const what = `slots/${ref.id} (slot ${ref.name})`;
  if (bytes === undefined) throw tampered(`${what} is missing`);
  if (sha256Hex(bytes) !== ref.sha256) throw tampered(`${what} is not the file that the log names`);
  const file = slotFile(decodeCanonicalFile(bytes, what), what);
  if (file.v !== 1 || file.keystore !== keystoreId || file.id !== ref.id || file.domain !== ref.domain)
    throw tampered(`${what} belongs elsewhere`);
  checkParameters(file, what);
  return file;
}

/** Before anything is derived: less than the floor is weak, more than the cap would exhaust the machine. @throws ERR_KEYSTORE_TAMPERED */
export function checkParameters({ kind, kdf }: Pick<SlotFile, 'kind' | 'kdf'>, what: string): void {
  if (kind === 'key-file') {
    if (kdf.name !== 'hkdf-sha256' || kdf.n !== undefined || kdf.r !== undefined || kdf.p !== undefined)
      throw tampered(`${what} has no key derivation for a key file`);
    return;
  }
  const { name, n = 0, r, p = 0 } = kdf;
  const powerOfTwo = n > 0 && Number.isInteger(Math.log2(n));
  if (name !== 'scrypt' || !powerOfTwo || n < FLOOR || n > CAP || r !== 8 || p < 1 || p > MOST_PARALLEL)
    throw tampered(`${what} asks for key derivation outside N=2^17..2^20, r=8, p=1..4`);
}

function slotContext(keystoreId: string, id: string, epoch: number, domain: Domain): SealContext {
  return { keystoreId, type: `slot-${domain}`, keyId: id, epoch, algorithm: 'master-key', spkiSha256: '' };
}

/** Fresh parameters for a secret. */
export function newKdf(secret: Secret): Kdf {
  const salt = toBase64(randomBytes(32));
  return secret.kind === 'passphrase' ? { name: 'scrypt', ...SCRYPT, salt } : { name: 'hkdf-sha256', salt };
}

/** The key of 32 octets that a secret gives, for the caller to zero. Check foreign parameters before. */
export async function deriveKek(secret: Secret, kdf: Kdf): Promise<Uint8Array> {
  const salt = fromBase64(kdf.salt);
  if (secret.kind === 'key-file')
    return hkdfSha256(secret.bytes, salt, new TextEncoder().encode('cluster-ca v1 slot'), 32);
  return scrypt(secret.bytes, salt, { n: kdf.n ?? 0, r: kdf.r ?? 0, p: kdf.p ?? 0 });
}
