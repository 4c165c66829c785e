import { execFile } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';
import { splitWords } from './split-words.ts';

/** More than any passphrase: a wrong file is noticed without being read whole. */
const MOST = 4096;
const COMMAND_TIMEOUT = 60_000;

/** Reads a descriptor to its end. @throws ERR_USAGE */
export function readDescriptor(text: string, flag: string): Uint8Array {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (fd < 0 || fd === 1 || fd === 2)
    throw new ClusterCaError(
      'ERR_USAGE',
      `${flag} wants the number of an open descriptor, not ${JSON.stringify(text)}`,
      {
        hint: `${flag} 3 3<FILE`,
      },
    );
  try {
    return readAll(fd);
  } catch (cause) {
    if (cause instanceof ClusterCaError) throw cause;
    throw new ClusterCaError('ERR_USAGE', `${flag}: descriptor ${fd} cannot be read`, {
      hint: `${flag} ${fd} ${fd}<FILE`,
      cause,
    });
  }
}

/**
 * Reads a secret's file; `-` is standard input. A regular file that group or world can read is refused.
 * @throws ERR_USAGE when it is absent or cannot be read; ERR_KEYSTORE_PERMISSIONS
 */
export function readSecretFile(path: string, what: string): Uint8Array {
  if (path === '-') return readDescriptor('0', what);
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    const why = errno(cause) === 'ENOENT' ? 'does not exist' : `cannot be read (${errno(cause)})`;
    throw new ClusterCaError('ERR_USAGE', `the ${what} ${path} ${why}`, { cause });
  }
  try {
    const status = fstatSync(fd);
    if (status.isDirectory()) throw new ClusterCaError('ERR_USAGE', `the ${what} ${path} is a directory`);
    if (status.isFile() && (status.mode & 0o077) !== 0)
      throw new ClusterCaError('ERR_KEYSTORE_PERMISSIONS', `the ${what} ${path} can be read by group or world`, {
        hint: `chmod 600 ${path}${what === 'passphrase file' ? `, or: --passphrase-fd 3 3<${path}` : ''}`,
      });
    return readAll(fd);
  } finally {
    closeSync(fd);
  }
}

/** The standard output of a command, run without a shell. The variable with the passphrase itself is not handed to it. @throws ERR_USAGE */
export async function readCommand(
  command: string,
  env: Record<string, string | undefined>,
  flag: string,
): Promise<Uint8Array> {
  const words = splitWords(command);
  if (words === undefined)
    throw new ClusterCaError('ERR_USAGE', `${flag} is not a command: a quote is not closed, or nothing is there`);
  const [file, ...args] = words as [string, ...string[]];
  const { CLUSTER_CA_PASSPHRASE: _, ...handedOn } = env;
  return new Promise((resolve, reject) => {
    const options = { env: handedOn, timeout: COMMAND_TIMEOUT, maxBuffer: MOST, encoding: 'buffer' as const };
    execFile(file, args, options, (error, stdout) => {
      if (error === null) resolve(new Uint8Array(stdout));
      else {
        const why = error.killed ? 'took longer than 60 s' : `failed (${error.code ?? error.signal ?? 'unknown'})`;
        reject(new ClusterCaError('ERR_USAGE', `the command of ${flag} ${why}: ${file}`));
      }
    });
  });
}

function readAll(fd: number): Uint8Array {
  const buffer = new Uint8Array(MOST + 1);
  let length = 0;
  for (;;) {
    let read: number;
    try {
      read = readSync(fd, buffer, length, buffer.length - length, null);
    } catch (error) {
      // A terminal or pipe in non-blocking mode with nothing to read yet.
      if (errno(error) === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        continue;
      }
      if (errno(error) === 'EOF') break;
      throw error;
    }
    if (read === 0) break;
    length += read;
    if (length > MOST) throw new ClusterCaError('ERR_USAGE', `the secret is larger than ${MOST} bytes`);
  }
  const out = buffer.slice(0, length);
  buffer.fill(0);
  return out;
}
