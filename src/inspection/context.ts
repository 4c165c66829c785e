import type { Sha256, VerifySignature } from '../pki/signature.ts';
import type { OpenPkcs12 } from './container.ts';
import type { PrivateKeyFormat } from './private-key.ts';

/**
 * The public key (SubjectPublicKeyInfo, DER) of an unencrypted private key; undefined when it does not decode.
 * It returns nothing else of the key, and no error that quotes it.
 */
export type PublicKeyOf = (format: PrivateKeyFormat, der: Uint8Array) => Uint8Array | undefined;

/** What inspecting needs from outside: the time and the cryptography. */
export interface InspectionContext {
  now: Date;
  sha256: Sha256;
  verifySignature: VerifySignature;
  /** Without it, private keys are shown without a fingerprint and are matched to no certificate. */
  publicKeyOf?: PublicKeyOf | undefined;
  /** Opens a PKCS#12 file; without it only its structure is shown. */
  openPkcs12?: OpenPkcs12 | undefined;
  /** What errors call the input: a path as the user gave it. Default `the input`. */
  source?: string | undefined;
}
