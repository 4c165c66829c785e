import { writeFileSync } from 'node:fs';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { readSecretFile } from './read-source.ts';

export const KEY_FILE_LENGTH = 32;

/** Reads a key file: exactly 32 octets. @throws ERR_USAGE, ERR_KEYSTORE_PERMISSIONS */
export function readKeyFile(path: string): Uint8Array {
  const bytes = readSecretFile(path, 'key file');
  if (bytes.length !== KEY_FILE_LENGTH)
    throw new ClusterCaError('ERR_USAGE', `the key file ${path} has ${bytes.length} bytes, not ${KEY_FILE_LENGTH}`, {
      hint: 'cluster-ca init --key-file PATH makes one where there is none',
    });
  return bytes;
}

/** Reads a key file, or makes it (32 random octets, 0600) where there is none. @throws as `readKeyFile`, and ERR_STORAGE */
export function readOrMakeKeyFile(path: string): Uint8Array {
  const bytes = randomBytes(KEY_FILE_LENGTH);
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600, flush: true });
    return bytes;
  } catch (error) {
    if (errno(error) === 'EEXIST') return readKeyFile(path);
    throw storageError(error, 'make', path);
  }
}
