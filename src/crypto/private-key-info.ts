import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

const PROBE = Buffer.from('cluster-ca: does this private key belong to this public key?');
const AGREEMENT_ONLY = new Set(['x25519', 'x448', 'dh']);

/**
 * The public half (SubjectPublicKeyInfo, DER) of an unencrypted private key; undefined when the key does not load,
 * or when the public half that it carries is not its own. OpenSSL's error is dropped: nothing of the key may reach a
 * message.
 */
export function publicKeyOf(format: 'pkcs8' | 'sec1' | 'pkcs1', der: Uint8Array): Uint8Array | undefined {
  const copy = Buffer.from(der);
  try {
    const privateKey = createPrivateKey({ key: copy, format: 'der', type: format });
    const publicKey = createPublicKey(privateKey);
    if (!belongTogether(privateKey, publicKey)) return undefined;
    return publicKey.export({ format: 'der', type: 'spki' });
  } catch {
    return undefined;
  } finally {
    copy.fill(0);
  }
}

/** OpenSSL believes the public half that an EC or RSA key carries; only a signature shows whether it is true. */
function belongTogether(privateKey: KeyObject, publicKey: KeyObject): boolean {
  const type = privateKey.asymmetricKeyType ?? '';
  if (AGREEMENT_ONLY.has(type)) return true;
  const digest = type.startsWith('ed') ? null : 'sha256';
  return verify(digest, PROBE, publicKey, sign(digest, PROBE, privateKey));
}
