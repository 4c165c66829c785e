import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseExtKeyUsage } from '../../x509/extensions.ts';
import type { CertificateRule } from '../rule.ts';

/**
 * The audit key's certificate has one purpose, this project's own, and says so critically: whoever does not know it
 * must refuse the certificate, for TLS above all. No other certificate may vouch for a log.
 */
export const auditPurpose: CertificateRule = {
  name: 'audit-purpose',
  source: 'RFC 5280 §4.2.1.12, docs/keystore-format.md §5',
  check(certificate, { profile }) {
    const extension = findExtension(certificate.extensions, OID.extKeyUsage);
    const found = extension === undefined ? [] : parseExtKeyUsage(extension.value);
    if (profile !== 'audit')
      return found.includes(OID.auditLogSigning) ? `the ${profile} profile does not sign the log` : undefined;
    if (found.join() !== OID.auditLogSigning) return 'its purpose is not to sign the log, and nothing else';
    return extension?.critical ? undefined : 'its extended key usage is not critical';
  },
};
