import type { TokenKey } from '../../crypto/token/token.ts';
import { formatTokenUri, parseTokenUri } from '../../crypto/token/uri.ts';
import { ClusterCaError } from '../../errors.ts';
import { fromBase64, toBase64 } from '../../pki/encoding.ts';
import { tampered } from '../canonical.ts';
import type { SealedKeyRef } from '../log/parts.ts';
import { base64, text } from '../shape.ts';
import { decodeKeyFile, encodeKeyFile, type KeyFile, type KeyPlace, keyFileShape, sealedName } from './key-file.ts';

const tokenFile = keyFileShape('token-key', { spki: base64, uri: text });

/** The file that stands where a sealed key would, for a key that is in a token: where it is, and which it is. */
export function encodeTokenKey(keystoreId: string, place: KeyPlace, { keyType, spki, uri }: TokenKey): KeyFile {
  const members = { algorithm: keyType, spki: toBase64(spki), uri: formatTokenUri(uri) };
  return encodeKeyFile(keystoreId, tokenFile.type, place, members);
}

/**
 * Reads such a file, and holds it against the log before anything in it is used: it names a library that will be loaded.
 * @returns undefined for any other key's
 * @throws ERR_KEYSTORE_TAMPERED
 */
export function decodeTokenKey(
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
): TokenKey | undefined {
  const file = decodeKeyFile(tokenFile, keystoreId, ref, bytes);
  if (file === undefined) return undefined;
  try {
    return { keyType: file.algorithm, spki: fromBase64(file.spki), uri: parseTokenUri(file.uri) };
  } catch (error) {
    if (!(error instanceof ClusterCaError)) throw error;
    throw tampered(`sealed/${sealedName(ref)} names no token: ${error.message}`, error);
  }
}
