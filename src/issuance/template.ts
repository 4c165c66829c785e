import type { Kind, Policy } from '../keystore/log/bodies.ts';
import { type EndEntityProfile, endEntityTemplate } from '../pki/profile/end-entity.ts';
import type { Sha256 } from '../pki/signature.ts';
import type { CertificateTemplate } from '../pki/template.ts';
import { type Validity, validityFor } from '../pki/validity.ts';
import { type KeyType, signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { type IssueItem, itemNames } from './item.ts';

/** What a certificate is signed for: an item of a request, or a probe. */
export type SignedItem = Omit<IssueItem, 'kind'> & { kind: Kind };

/** What the certificates of one run share. */
export interface TemplateContext {
  policy: Policy;
  issuer: Certificate;
  /** Of the issuer's key. */
  keyType: KeyType;
  now: Date;
  sha256: Sha256;
  /** Where it is not the lifetime's: a probe's. */
  validity?: Validity;
}

/** The certificate that an item asks for, over this serial number and public key. */
export function templateOf(
  item: SignedItem,
  serialNumber: Uint8Array,
  publicKey: Uint8Array,
  { policy, issuer, keyType, now, sha256, validity }: TemplateContext,
): CertificateTemplate {
  return endEntityTemplate({
    profile: item.profile as EndEntityProfile,
    commonName: item.name,
    subjectAltNames: itemNames(item, policy),
    serialNumber,
    validity: validity ?? validityFor(now, (item.lifetime ?? policy.nodeLifetime) * 1000, issuer.notAfter),
    publicKey,
    issuer,
    signatureAlgorithm: signatureAlgorithmFor(keyType),
    sha256,
    ...(policy.crlUrl === undefined ? {} : { crlUrl: policy.crlUrl }),
  });
}
