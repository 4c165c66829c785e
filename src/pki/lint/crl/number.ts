import { readDer } from '../../der/reader.ts';
import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import type { CrlRule } from '../rule.ts';

export const number: CrlRule = {
  name: 'crl-number',
  source: 'RFC 5280 §5.2.3',
  check(crl) {
    const extension = findExtension(crl.extensions, OID.cRLNumber);
    if (extension === undefined || extension.critical) return 'absent or critical';
    const value = readDer(extension.value, (reader) => reader.integer());
    return value.length > 20 || (value[0] as number) >= 0x80 ? 'not a number of at most 20 octets' : undefined;
  },
};
