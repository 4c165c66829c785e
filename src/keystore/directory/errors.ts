import { constants } from 'node:os';
import { ClusterCaError } from '../../errors.ts';

/** The system's error code (`ENOENT`, …) of a thrown value, from whichever realm the error is. */
export function errno(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  // libuv has no name for a quota: `Unknown system error -122`.
  if ('errno' in error && error.errno === -constants.errno.EDQUOT) return 'EDQUOT';
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const WORDS: Record<string, string> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'input/output error',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EMFILE: 'too many open files',
};

/** Why a file operation failed, in words. */
export function reason(error: unknown): string {
  const code = errno(error);
  return (code && WORDS[code]) ?? (error instanceof Error ? error.message : String(error));
}

function remedy(code: string | undefined): string {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'free some space and run the same command again';
  if (code === 'EROFS')
    return 'mount it writable (in a unit of systemd: name the directory, which has to be there, in ReadWritePaths=), then run the same command again';
  return 'check the place and its permissions, then run the same command again';
}

/**
 * A failed file operation as ERR_STORAGE (exit 14), naming the file and what was tried.
 * @param host where it is, when it is not here
 */
export function storageError(error: unknown, action: string, path: string, host?: string): ClusterCaError {
  if (error instanceof ClusterCaError) return error;
  const code = errno(error);
  return new ClusterCaError(
    'ERR_STORAGE',
    `cannot ${action} ${path}${host === undefined ? '' : ` on ${host}`}: ${reason(error)}`,
    {
      hint: remedy(code),
      details: { path, ...(host === undefined ? {} : { host }), ...(code === undefined ? {} : { errno: code }) },
      cause: error,
    },
  );
}
