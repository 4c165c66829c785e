import { randomBytes, sha256Hex } from '../../crypto/hash.ts';
import type { TokenKey } from '../../crypto/token/token.ts';
import { formatTokenUri, parseTokenUri } from '../../crypto/token/uri.ts';
import { ClusterCaError } from '../../errors.ts';
import { fromBase64, toBase64, toHex } from '../../pki/encoding.ts';
import { KEY_TYPES } from '../../pki/x509/algorithm.ts';
import { decodeCanonicalFile, encodeCanonicalFile, tampered } from '../canonical.ts';
import type { Domain, SealedKeyRef } from '../log/bodies.ts';
import { base64, hex, integer, oneOf, record, type Shaped, text } from '../shape.ts';

const tokenFile = record({
  v: integer,
  type: oneOf('token-key'),
  keystore: hex(16),
  keyId: hex(16),
  epoch: integer,
  domain: oneOf('root', 'daily'),
  algorithm: oneOf(...KEY_TYPES),
  spki: base64,
  uri: text,
});
type TokenFile = Shaped<typeof tokenFile>;

/** The file that stands where a sealed key would, for a key that is in a token: where it is, and which it is. */
export function encodeTokenKey(
  keystoreId: string,
  { domain, epoch, keyId = toHex(randomBytes(16)) }: { domain: Domain; epoch: number; keyId?: string },
  key: TokenKey,
): { ref: SealedKeyRef; bytes: Uint8Array } {
  const file: TokenFile = {
    v: 1,
    type: 'token-key',
    keystore: keystoreId,
    keyId,
    epoch,
    domain,
    algorithm: key.keyType,
    spki: toBase64(key.spki),
    uri: formatTokenUri(key.uri),
  };
  const bytes = encodeCanonicalFile(file);
  return { ref: { keyId, epoch, domain, sha256: sha256Hex(bytes) }, bytes };
}

/**
 * Reads such a file, and holds it against the log before anything in it is used: it names a library that will be loaded.
 * @returns undefined for the file of a sealed key
 * @throws ERR_KEYSTORE_TAMPERED
 */
export function decodeTokenKey(
  keystoreId: string,
  ref: SealedKeyRef,
  bytes: Uint8Array | undefined,
): TokenKey | undefined {
  const what = `sealed/${ref.keyId}.${ref.epoch}`;
  if (bytes === undefined) throw tampered(`${what} is missing`);
  if (sha256Hex(bytes) !== ref.sha256) throw tampered(`${what} is not the file that the log names`);
  const value = decodeCanonicalFile(bytes, what);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value.type !== 'token-key')
    return undefined;
  const { v, keystore, keyId, epoch, domain, algorithm, spki, uri } = tokenFile(value, what);
  if (v !== 1 || keystore !== keystoreId || keyId !== ref.keyId || epoch !== ref.epoch || domain !== ref.domain)
    throw tampered(`${what} belongs elsewhere`);
  try {
    return { keyType: algorithm, spki: fromBase64(spki), uri: parseTokenUri(uri) };
  } catch (error) {
    if (!(error instanceof ClusterCaError)) throw error;
    throw tampered(`${what} names no token: ${error.message}`, error);
  }
}
