import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseSubjectAltName } from '../../x509/extensions.ts';
import { formatGeneralName } from '../../x509/general-name.ts';
import type { CertificateRule } from '../rule.ts';

export const duplicateNames: CertificateRule = {
  name: 'duplicate-names',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    const extension = findExtension(certificate.extensions, OID.subjectAltName);
    const names = extension === undefined ? [] : parseSubjectAltName(extension.value).map(formatGeneralName);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    return twice === undefined ? undefined : `${twice} appears twice`;
  },
};
