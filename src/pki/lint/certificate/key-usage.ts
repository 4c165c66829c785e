import { OID } from '../../oids.ts';
import { isCaProfile } from '../../profile/profile.ts';
import { parseKeyUsage } from '../../x509/extensions.ts';
import { extensionRule } from '../extension-rule.ts';

export const keyUsage = extensionRule(OID.keyUsage, {
  name: 'key-usage',
  source: 'RFC 5280 §4.2.1.3',
  check(extension, { profile }) {
    if (extension === undefined || !extension.critical) return 'absent or not critical';
    const expected = isCaProfile(profile) ? 'keyCertSign cRLSign' : 'digitalSignature';
    const found = [...parseKeyUsage(extension.value)].join(' ');
    return found === expected ? undefined : `it says ${found || 'nothing'}, not ${expected}`;
  },
});
