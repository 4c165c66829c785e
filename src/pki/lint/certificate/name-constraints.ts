import { OID } from '../../oids.ts';
import { parseNameConstraints } from '../../x509/extensions.ts';
import { extensionRule } from '../extension-rule.ts';

/** Critical on an issuing CA, over DNS names and IP addresses both: a form without a permitted subtree is unrestricted. */
export const nameConstraints = extensionRule(OID.nameConstraints, {
  name: 'name-constraints',
  source: 'RFC 5280 §4.2.1.10',
  check(extension, { profile }) {
    if (profile !== 'issuing') return extension === undefined ? undefined : 'only an issuing CA carries them';
    if (extension === undefined || !extension.critical) return 'absent or not critical';
    const { permitted, excluded } = parseNameConstraints(extension.value);
    if (!permitted.some(({ base }) => base.type === 'dns')) return 'no permitted DNS name';
    if (![...permitted, ...excluded].some(({ base }) => base.type === 'ip')) return 'IP addresses are unrestricted';
    return [...permitted, ...excluded].every(({ base }) => base.type === 'dns' || base.type === 'ip')
      ? undefined
      : 'a form that some verifiers do not know';
  },
});
