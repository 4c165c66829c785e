import { fromBase64, toBase64 } from '../../pki/encoding.ts';
import type { KeyType } from '../../pki/x509/algorithm.ts';
import type { SealedKeyRef } from '../log/parts.ts';
import { base64 } from '../shape.ts';
import { decodeKeyFile, encodeKeyFile, type KeyFile, type KeyPlace, keyFileShape } from './key-file.ts';

const externalFile = keyFileShape('external-key', { spki: base64 });

/** A key that another PKI has: its public half. */
export interface ExternalKey {
  external: true;
  keyType: KeyType;
  spki: Uint8Array;
}

/** The file that stands where a sealed key would, for the key of a CA that is not ours. */
export function encodeExternalKey(keystoreId: string, place: KeyPlace, { keyType, spki }: ExternalKey): KeyFile {
  return encodeKeyFile(keystoreId, externalFile.type, place, { algorithm: keyType, spki: toBase64(spki) });
}

/** Reads such a file, and holds it against the log. @returns undefined for any other key's @throws ERR_KEYSTORE_TAMPERED */
export function decodeExternalKey(
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
): ExternalKey | undefined {
  const file = decodeKeyFile(externalFile, keystoreId, ref, bytes);
  return file && { external: true, keyType: file.algorithm, spki: fromBase64(file.spki) };
}
