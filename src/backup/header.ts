import { randomBytes, sha256 } from '../crypto/hash.ts';
import { hkdfSha256 } from '../crypto/kdf.ts';
import { ClusterCaError } from '../errors.ts';
import { decodeCanonical, encodeCanonical } from '../keystore/canonical.ts';
import { type SealContext, seal, sealing, unseal } from '../keystore/envelope/seal.ts';
import { checkParameters, deriveKek, kdfShape, newKdf, type Secret } from '../keystore/envelope/slot.ts';
import { hex, integer, oneOf, record, type Shaped, text, timestamp } from '../keystore/shape.ts';

export const BACKUP_TYPE = 'cluster-ca backup';

const headerShape = record({
  v: integer,
  type: oneOf(BACKUP_TYPE),
  /** The backup's id: the log's record of it has the same. */
  id: hex(16),
  keystore: hex(16),
  cluster: text,
  createdAt: timestamp,
  kind: oneOf('passphrase', 'key-file'),
  kdf: kdfShape,
  sealed: sealing,
});
/** The first line of a backup file: whose it is, and the file's key wrapped under a secret. */
export type BackupHeader = Shaped<typeof headerShape>;

/** A header and the key of the stream behind it. */
export interface OpenHeader {
  header: BackupHeader;
  /** For the caller to zero. */
  streamKey: Uint8Array;
}

/** Makes the first line of a backup file, newline included. */
export async function makeHeader(
  about: { id: string; keystore: string; cluster: string; createdAt: Date },
  secret: Secret,
): Promise<{ line: Uint8Array; streamKey: Uint8Array }> {
  const fileKey = randomBytes(32);
  const kdf = newKdf(secret);
  const kek = await deriveKek(secret, kdf);
  const header: BackupHeader = {
    v: 1,
    type: BACKUP_TYPE,
    ...about,
    createdAt: about.createdAt.toISOString(),
    kind: secret.kind,
    kdf,
    sealed: seal(kek, sealContext(about), fileKey),
  };
  kek.fill(0);
  const line = new TextEncoder().encode(`${encodeCanonical(header)}\n`);
  const streamKey = deriveStreamKey(fileKey, line);
  fileKey.fill(0);
  return { line, streamKey };
}

/**
 * Reads the first line of a backup file.
 * @param line without its newline
 * @throws ERR_CONFIG when it is none; ERR_KEYSTORE_TAMPERED when it is damaged or of a later version
 */
export function decodeHeader(line: Uint8Array, path: string): BackupHeader {
  const content = new TextDecoder().decode(line);
  if (!content.startsWith('{') || !content.includes(`"type":"${BACKUP_TYPE}"`))
    throw new ClusterCaError('ERR_CONFIG', `${path} is not a backup of a keystore`, {
      hint: 'name the file that cluster-ca keystore backup wrote',
    });
  const value = decodeCanonical(content, path);
  const version = typeof value === 'object' && value !== null && !Array.isArray(value) ? value.v : undefined;
  if (typeof version === 'number' && version > 1)
    throw new ClusterCaError('ERR_KEYSTORE_TAMPERED', `${path} has format ${version}, made by a later cluster-ca`, {
      hint: 'install that version, or a newer one',
    });
  const header = headerShape(value, path);
  checkParameters(header, path);
  return header;
}

/**
 * Opens a backup with the first secret that fits.
 * @throws ERR_PASSPHRASE when none does; ERR_KEYSTORE_TAMPERED
 */
export async function openHeader(
  header: BackupHeader,
  line: Uint8Array,
  secrets: readonly Secret[],
  path: string,
): Promise<OpenHeader> {
  for (const secret of secrets) {
    if (secret.kind !== header.kind) continue;
    const kek = await deriveKek(secret, header.kdf);
    try {
      const fileKey = unseal(kek, sealContext(header), header.sealed, path);
      if (fileKey === undefined) continue;
      const streamKey = deriveStreamKey(fileKey, line);
      fileKey.fill(0);
      return { header, streamKey };
    } finally {
      kek.fill(0);
    }
  }
  const wanted = header.kind === 'key-file' ? 'a key file' : 'a passphrase';
  throw new ClusterCaError('ERR_PASSPHRASE', `what was given does not open the backup ${path}`, {
    hint: `it takes ${wanted}: the keystore's of ${header.createdAt}, unless the backup was given one of its own`,
  });
}

/** The whole first line decides the key: whatever is changed in it, nothing behind it opens. */
function deriveStreamKey(fileKey: Uint8Array, line: Uint8Array): Uint8Array {
  return hkdfSha256(fileKey, sha256(line), new TextEncoder().encode('cluster-ca v1 backup stream'), 32);
}

function sealContext({ id, keystore }: { id: string; keystore: string }): SealContext {
  return { keystoreId: keystore, type: 'backup', keyId: id, epoch: 1, algorithm: 'backup-key', spkiSha256: '' };
}
