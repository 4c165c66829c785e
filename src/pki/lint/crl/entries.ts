import { compareBytes } from '../../der/writer.ts';
import type { CrlRule } from '../rule.ts';

/** Serial numbers in ascending order, none twice, none in the future; no list at all when nothing is revoked (§5.1.2.6). */
export const entries: CrlRule = {
  name: 'crl-entries',
  source: 'RFC 5280 §5.1.2.6',
  check(crl) {
    let last: Uint8Array | undefined;
    for (const { serialNumber, revocationDate } of crl.entries()) {
      if (last !== undefined && order(last, serialNumber) >= 0) return 'serial numbers are not in ascending order';
      if (revocationDate > crl.thisUpdate) return 'an entry is revoked after thisUpdate';
      last = serialNumber;
    }
    return undefined;
  },
};

function order(a: Uint8Array, b: Uint8Array): number {
  return a.length - b.length || compareBytes(a, b);
}
