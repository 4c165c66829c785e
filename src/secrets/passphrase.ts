import { ClusterCaError } from '../errors.ts';

export const SHORTEST = 12;
export const LONGEST = 1024;

/**
 * The octets of a passphrase: one trailing LF or CRLF removed, UTF-8 in NFC.
 * @throws ERR_USAGE when nothing is left or it is not UTF-8
 */
export function normalizePassphrase(bytes: Uint8Array): Uint8Array {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ClusterCaError('ERR_USAGE', 'the passphrase is not UTF-8');
  }
  text = text.replace(/\r?\n$/, '').normalize('NFC');
  if (text === '') throw new ClusterCaError('ERR_USAGE', 'the passphrase is empty');
  return new TextEncoder().encode(text);
}

/** A new passphrase has 12 characters to 1,024 octets. @throws ERR_POLICY */
export function checkNewPassphrase(bytes: Uint8Array): void {
  const characters = [...new TextDecoder().decode(bytes)].length;
  if (characters < SHORTEST)
    throw new ClusterCaError('ERR_POLICY', `the new passphrase has ${characters} characters, fewer than ${SHORTEST}`, {
      hint: 'take five random words, or: openssl rand -base64 24',
    });
  if (bytes.length > LONGEST)
    throw new ClusterCaError('ERR_POLICY', `the new passphrase has ${bytes.length} bytes, more than ${LONGEST}`);
}
