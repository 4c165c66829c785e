import { equalBytes } from '../../der/writer.ts';
import { formatGeneralName, type GeneralName } from '../../x509/general-name.ts';
import { altNamesOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

export const duplicateNames: CertificateRule = {
  name: 'duplicate-names',
  source: 'RFC 5280 §4.2.1.6',
  check(certificate) {
    const names = altNamesOf(certificate);
    for (const [i, name] of names.entries())
      for (let j = 0; j < i; j++)
        if (isSame(name, names[j] as GeneralName)) return `${formatGeneralName(name)} appears twice`;
    return undefined;
  },
};

function isSame(a: GeneralName, b: GeneralName): boolean {
  if (a.type !== b.type) return false;
  if (typeof a.value === 'string' || typeof b.value === 'string') return a.value === b.value;
  return equalBytes(a.value, b.value);
}
