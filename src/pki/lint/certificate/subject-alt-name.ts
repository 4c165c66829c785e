import { OID } from '../../oids.ts';
import { isCaProfile } from '../../profile/profile.ts';
import { findExtension } from '../../x509/extension.ts';
import { altNamesOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

/**
 * On end-entities alone: DNS names, IP addresses and exactly one URI; at least one DNS name for what serves,
 * because without one some verifiers fall back to the common name.
 */
export const subjectAltName: CertificateRule = {
  name: 'subject-alt-name',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate, { profile }) {
    const extension = findExtension(certificate.extensions, OID.subjectAltName);
    if (isCaProfile(profile) || profile === 'audit')
      return extension === undefined ? undefined : 'a CA carries no subjectAltName here';
    if (extension === undefined) return 'absent';
    const names = altNamesOf(certificate);
    if (names.some((name) => name.type !== 'dns' && name.type !== 'ip' && name.type !== 'uri'))
      return 'a name that is neither DNS, IP nor URI';
    if (names.filter((name) => name.type === 'uri').length !== 1) return 'not exactly one URI';
    const serves = profile === 'peer' || profile === 'server';
    return serves && !names.some((name) => name.type === 'dns') ? 'no DNS name' : undefined;
  },
};
