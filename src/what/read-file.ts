import { readFileSync, statSync } from 'node:fs';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';
import { LIMITS } from '../pki/limits.ts';

/** Reads a file that somebody named; nothing larger than any file this tool understands. @throws ERR_CONFIG */
export function readInputFile(path: string, what = 'file'): Uint8Array {
  try {
    const status = statSync(path);
    if (status.isDirectory()) throw unreadable(path, what, 'it is a directory');
    if (status.size > LIMITS.file) throw unreadable(path, what, `it is larger than ${LIMITS.file} bytes`);
    const bytes = readFileSync(path);
    if (bytes.length === 0) throw unreadable(path, what, 'it is empty');
    return bytes;
  } catch (cause) {
    if (cause instanceof ClusterCaError) throw cause;
    const code = errno(cause);
    throw unreadable(
      path,
      what,
      code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' ? 'permission denied' : String(code),
      cause,
    );
  }
}

function unreadable(path: string, what: string, why: string, cause?: unknown): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', `cannot read the ${what} ${path}: ${why}`, { cause });
}
