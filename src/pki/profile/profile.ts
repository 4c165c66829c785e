import type { Sha256 } from '../signature.ts';
import type { Validity } from '../validity.ts';
import type { Certificate } from '../x509/certificate.ts';

/** What a certificate is for. */
export type ProfileName = 'root' | 'issuing' | 'cross' | 'audit' | 'peer' | 'server' | 'client' | 'probe';

/** Whether it is a certificate over a CA's key. */
export function isCaProfile(profile: ProfileName): boolean {
  return profile === 'root' || profile === 'issuing' || profile === 'cross';
}

/** What every profile needs to know: who signs, what is signed over, and until when. */
export interface ProfileInput {
  serialNumber: Uint8Array;
  validity: Validity;
  /** DER of the subject's SubjectPublicKeyInfo. */
  publicKey: Uint8Array;
  /** The issuing certificate; absent for a root. */
  issuer?: Certificate;
  /** DER of the signature's AlgorithmIdentifier, by the signer's key type. */
  signatureAlgorithm: Uint8Array;
  sha256: Sha256;
}
