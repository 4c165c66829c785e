import type { AlgorithmIdentifier } from './x509/algorithm.ts';
import type { PublicKeyInfo } from './x509/certificate.ts';

/**
 * Checks one signature. Synchronous, because it is called thousands of times a second and node:crypto is fastest so.
 * False for a wrong signature, and for a key or an algorithm it does not support; it never throws.
 */
export type VerifySignature = (
  publicKey: PublicKeyInfo,
  algorithm: AlgorithmIdentifier,
  data: Uint8Array,
  signature: Uint8Array,
) => boolean;

/** SHA-256 of the octets. Handed in, because the core has no crypto of its own. */
export type Sha256 = (data: Uint8Array) => Uint8Array;
