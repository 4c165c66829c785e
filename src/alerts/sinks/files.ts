import { readFileSync } from 'node:fs';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { readSecretFile } from '../../secrets/read-source.ts';
import { shellWords } from '../../ui/text/shell-words.ts';

/**
 * The text of a secret's file, without white space around it.
 * @param make the command that makes such a file, for the hint where there is none
 * @throws ERR_CONFIG, ERR_KEYSTORE_PERMISSIONS
 */
export function secretText(path: string, what: string, make = `(umask 077; cat >${shellWords([path])})`): string {
  const bytes = readOrHint(path, what, make);
  const text = new TextDecoder().decode(bytes).trim();
  bytes.fill(0);
  if (text === '') throw new ClusterCaError('ERR_CONFIG', `the ${what} ${path} is empty`, { hint: make });
  return text;
}

function readOrHint(path: string, what: string, make: string): Uint8Array {
  try {
    return readSecretFile(path, what);
  } catch (cause) {
    if (!isClusterCaError(cause, 'ERR_USAGE')) throw cause;
    throw new ClusterCaError('ERR_CONFIG', cause.message, { hint: make, cause });
  }
}

/** The PEM of whom to trust. @throws ERR_CONFIG */
export function trustText(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ClusterCaError('ERR_CONFIG', `the ca file ${path} cannot be read (${errno(cause)})`, {
      hint: 'it is the PEM of the CAs that the receiver is known by; without ca: the system decides',
      cause,
    });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new ClusterCaError('ERR_CONFIG', `the ca file ${path} has no certificate in PEM`);
  return text;
}
