import { randomBytes, sha256Hex } from '../../crypto/hash.ts';
import { toHex } from '../../pki/encoding.ts';
import { KEY_TYPES } from '../../pki/x509/algorithm.ts';
import { decodeCanonicalFile, encodeCanonicalFile, type Json, tampered } from '../canonical.ts';
import { domain, type SealedKeyRef } from '../log/parts.ts';
import { hex, integer, oneOf, record, type Shape } from '../shape.ts';

// The files of `sealed/`: a key that is sealed, or where one is that this keystore does not have the octets of.

/** A key's file, and how the log names it. */
export interface KeyFile {
  ref: SealedKeyRef;
  bytes: Uint8Array;
}

/** Where a key's file goes; without `keyId` under a random one. */
export interface KeyPlace extends Pick<SealedKeyRef, 'domain' | 'epoch'> {
  keyId?: string | undefined;
}

/** The name of a key's file. */
export function sealedName(ref: Pick<SealedKeyRef, 'keyId' | 'epoch'>): string {
  return `${ref.keyId}.${ref.epoch}`;
}

/** 16 random octets. */
export function newKeyId(): string {
  return toHex(randomBytes(16));
}

const HEAD = {
  v: integer,
  keystore: hex(16),
  keyId: hex(16),
  epoch: integer,
  domain,
  algorithm: oneOf(...KEY_TYPES),
};

/** How a key's file of one type is read: what all have in common, and its own members. */
export function keyFileShape<T extends string, M extends Record<string, Shape<unknown>>>(type: T, members: M) {
  return { type, shape: record({ ...HEAD, type: oneOf(type), ...members }) };
}

/** Writes a key's file. */
export function encodeKeyFile(
  keystoreId: string,
  type: string,
  { domain, epoch, keyId = newKeyId() }: KeyPlace,
  members: Record<string, Json>,
): KeyFile {
  const bytes = encodeCanonicalFile({ v: 1, type, keystore: keystoreId, keyId, epoch, domain, ...members });
  return { ref: { keyId, epoch, domain, sha256: sha256Hex(bytes) }, bytes };
}

/**
 * Reads a key's file of one type, and holds it against the log before anything in it is used.
 * @returns undefined for one of another type
 * @throws ERR_KEYSTORE_TAMPERED
 */
export function decodeKeyFile<F extends { v: number; keystore: string; keyId: string; epoch: number; domain: string }>(
  { type, shape }: { type: string; shape: Shape<F> },
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
): F | undefined {
  const what = `sealed/${sealedName(ref)}`;
  if (bytes === undefined) throw tampered(`${what} is missing`);
  if (sha256Hex(bytes) !== ref.sha256) throw tampered(`${what} is not the file that the log names`);
  const value = decodeCanonicalFile(bytes, what);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value.type !== type) return undefined;
  const file = shape(value, what);
  if (
    file.v !== 1 ||
    file.keystore !== keystoreId ||
    file.keyId !== ref.keyId ||
    file.epoch !== ref.epoch ||
    file.domain !== ref.domain
  )
    throw tampered(`${what} belongs elsewhere`);
  return file;
}
