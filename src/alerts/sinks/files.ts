import { readFileSync } from 'node:fs';
import { ClusterCaError } from '../../errors.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { readSecretFile } from '../../secrets/read-source.ts';

/** The text of a secret's file, without white space around it. @throws ERR_USAGE, ERR_KEYSTORE_PERMISSIONS */
export function secretText(path: string, what: string): string {
  const bytes = readSecretFile(path, what);
  const text = new TextDecoder().decode(bytes).trim();
  bytes.fill(0);
  if (text === '') throw new ClusterCaError('ERR_CONFIG', `the ${what} ${path} is empty`);
  return text;
}

/** The PEM of whom to trust. @throws ERR_CONFIG */
export function trustText(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ClusterCaError('ERR_CONFIG', `the ca file ${path} cannot be read (${errno(cause)})`, { cause });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new ClusterCaError('ERR_CONFIG', `the ca file ${path} has no certificate in PEM`);
  return text;
}
