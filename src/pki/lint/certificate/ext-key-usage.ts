import { OID } from '../../oids.ts';
import type { ProfileName } from '../../profile/profile.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseExtKeyUsage } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

const EXPECTED: Record<ProfileName, string[]> = {
  root: [],
  issuing: [],
  audit: [OID.auditLogSigning],
  peer: [OID.serverAuth, OID.clientAuth],
  server: [OID.serverAuth],
  client: [OID.clientAuth],
  probe: [OID.clientAuth],
};

/** Exactly the profile's purposes; none on a CA, where they would bind everything below. */
export const extendedKeyUsage: CertificateRule = {
  name: 'ext-key-usage',
  source: 'RFC 5280 §4.2.1.12',
  check(certificate, { profile }) {
    const extension = findExtension(certificate.extensions, OID.extKeyUsage);
    const found = extension === undefined ? [] : parseExtKeyUsage(extension.value);
    return found.join() === EXPECTED[profile].join() ? undefined : `not the purposes of the ${profile} profile`;
  },
};
