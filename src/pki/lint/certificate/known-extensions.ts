import { OID } from '../../oids.ts';
import type { CertificateRule } from '../rule.ts';

const KNOWN: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.subjectAltName,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.nameConstraints,
  OID.cRLDistributionPoints,
]);

export const knownExtensions: CertificateRule = {
  name: 'known-extensions',
  source: 'RFC 5280 §4.2',
  check(certificate) {
    const unknown = certificate.extensions.find((extension) => !KNOWN.has(extension.oid));
    return unknown === undefined ? undefined : `extension ${unknown.oid} is in no profile`;
  },
};
