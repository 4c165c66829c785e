import type { KeyType } from './x509/algorithm.ts';

/**
 * A private key as a function: it may be a Web Crypto handle, a batch's synchronous key or a token.
 * `sign` returns the octets that X.509 puts into signatureValue (for ECDSA the DER of r and s).
 */
export interface Signer {
  readonly keyType: KeyType;
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** A private key that signs without a wait, as well: what a batch uses. */
export interface SyncSigner extends Signer {
  signNow(data: Uint8Array): Uint8Array;
}
