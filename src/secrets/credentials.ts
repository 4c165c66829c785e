import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { KEY_FILE_LENGTH } from './key-file.ts';
import { normalizePassphrase } from './passphrase.ts';

/** The names that a unit's LoadCredentialEncrypted gives: a key file, or a passphrase; the PIN of a token. */
export const CREDENTIALS = {
  keyFile: 'cluster-ca.key',
  passphrase: 'cluster-ca.passphrase',
  pin: 'cluster-ca.pin',
} as const;

/** More than any secret: a wrong file is noticed without being used. */
const MOST = 4096;

/**
 * The secrets that systemd has put into a unit's `$CREDENTIALS_DIRECTORY` (systemd.exec(5)). Only this unit can enter
 * that directory, and its files carry an access list that a mode shows as the group's: it is not looked at but for the
 * world.
 * @throws ERR_USAGE, ERR_KEYSTORE_PERMISSIONS
 */
export function readCredentials(env: Record<string, string | undefined>): Secret[] {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === '') return [];
  const key = readCredential(join(directory, CREDENTIALS.keyFile));
  const passphrase = readCredential(join(directory, CREDENTIALS.passphrase));
  if (key !== undefined && key.length !== KEY_FILE_LENGTH)
    throw new ClusterCaError(
      'ERR_USAGE',
      `the credential ${CREDENTIALS.keyFile} has ${key.length} bytes, not ${KEY_FILE_LENGTH}`,
      { hint: 'encrypt the key file itself: systemd-creds encrypt --name=cluster-ca.key KEYFILE cluster-ca.key.cred' },
    );
  return [
    ...(key === undefined ? [] : [{ kind: 'key-file' as const, bytes: key }]),
    ...(passphrase === undefined ? [] : [{ kind: 'passphrase' as const, bytes: normalizePassphrase(passphrase) }]),
  ];
}

/** The PIN of a token that systemd hands to a unit; undefined where it does not. @throws as `readCredentials` */
export function readPinCredential(env: Record<string, string | undefined>): Uint8Array | undefined {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === '') return undefined;
  const pin = readCredential(join(directory, CREDENTIALS.pin));
  return pin && normalizePassphrase(pin);
}

function readCredential(path: string): Uint8Array | undefined {
  try {
    const { mode, size } = statSync(path);
    if ((mode & 0o007) !== 0)
      throw new ClusterCaError('ERR_KEYSTORE_PERMISSIONS', `the credential ${path} can be read by everybody`, {
        hint: `chmod 600 ${path}`,
      });
    if (size > MOST) throw new ClusterCaError('ERR_USAGE', `the credential ${path} is larger than ${MOST} bytes`);
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    if (error instanceof ClusterCaError) throw error;
    throw new ClusterCaError('ERR_USAGE', `the credential ${path} cannot be read (${errno(error)})`, { cause: error });
  }
}
