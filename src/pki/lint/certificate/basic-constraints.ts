import { OID } from '../../oids.ts';
import { isCaProfile } from '../../profile/profile.ts';
import { parseBasicConstraints } from '../../x509/extensions.ts';
import { extensionRule } from '../extension-rule.ts';

/** Critical; cA for the CAs alone; no path length on a root, 0 on an issuing CA. */
export const basicConstraints = extensionRule(OID.basicConstraints, {
  name: 'basic-constraints',
  source: 'RFC 5280 §4.2.1.9',
  check(extension, { profile }) {
    if (extension === undefined || !extension.critical) return 'absent or not critical';
    const { cA, pathLenConstraint } = parseBasicConstraints(extension.value);
    if (cA !== isCaProfile(profile)) return `cA is ${cA}`;
    return pathLenConstraint === (profile === 'issuing' ? 0 : undefined) ? undefined : 'wrong path length';
  },
});
