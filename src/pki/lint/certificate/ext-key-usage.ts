import { OID } from '../../oids.ts';
import type { ProfileName } from '../../profile/profile.ts';
import { parseExtKeyUsage } from '../../x509/extensions.ts';
import { extensionRule } from '../extension-rule.ts';

const EXPECTED: Record<ProfileName, string[]> = {
  root: [],
  issuing: [],
  cross: [],
  audit: [OID.auditLogSigning],
  peer: [OID.serverAuth, OID.clientAuth],
  server: [OID.serverAuth],
  client: [OID.clientAuth],
  probe: [OID.clientAuth],
};

/** Exactly the profile's purposes; none on a CA, where they would bind everything below. */
export const extendedKeyUsage = extensionRule(OID.extKeyUsage, {
  name: 'ext-key-usage',
  source: 'RFC 5280 §4.2.1.12',
  check(extension, { profile }) {
    const found = extension === undefined ? [] : parseExtKeyUsage(extension.value);
    const expected = EXPECTED[profile];
    const same = found.length === expected.length && found.every((purpose, i) => purpose === expected[i]);
    return same ? undefined : `not the purposes of the ${profile} profile`;
  },
});
