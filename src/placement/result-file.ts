import { dirname, join } from 'node:path';
import { replaceDurably } from '../keystore/directory/durable.ts';
import { storageError } from '../keystore/directory/errors.ts';
import { temporaryName } from './temporary-name.ts';

/** Writes a public result to a file, whole or not at all. @throws ERR_STORAGE */
export async function writeResultFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await replaceDurably(path, join(dirname(path), temporaryName('result.pem')), bytes, 0o644);
  } catch (error) {
    throw storageError(error, 'write', path);
  }
}
