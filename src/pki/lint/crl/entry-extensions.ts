import { readDer } from '../../der/reader.ts';
import { OID } from '../../oids.ts';
import type { CrlRule } from '../rule.ts';

/** Reason and invalidity date alone, not critical; neither `unspecified` nor `removeFromCRL` is written. */
export const entryExtensions: CrlRule = {
  name: 'crl-entry-extensions',
  source: 'RFC 5280 §5.3',
  check(crl) {
    for (const entry of crl.entries())
      for (const { oid, critical, value } of entry.extensions) {
        if (critical || (oid !== OID.cRLReason && oid !== OID.invalidityDate)) return `entry extension ${oid}`;
        if (oid !== OID.cRLReason) continue;
        const reason = readDer(value, (reader) => reader.smallInteger(0x0a));
        if (reason === 0 || reason === 7 || reason === 8 || reason > 10) return `reason code ${reason}`;
      }
    return undefined;
  },
};
