import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { PublicKeyOf } from '../inspection/context.ts';

/**
 * The public half (SubjectPublicKeyInfo, DER) of an unencrypted private key; undefined when the key does not load.
 * OpenSSL's error is dropped: nothing of the key may reach a message.
 */
export const publicKeyOf: PublicKeyOf = (format, der) => {
  const copy = Buffer.from(der);
  try {
    const key = createPrivateKey({ key: copy, format: 'der', type: format });
    return createPublicKey(key).export({ format: 'der', type: 'spki' });
  } catch {
    return undefined;
  } finally {
    copy.fill(0);
  }
};
