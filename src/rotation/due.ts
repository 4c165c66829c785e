import { dueAt } from '../keystore/certificates/due.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';

/** A current certificate that is not revoked, and from when it is due: milliseconds since 1970. */
export interface DueTime {
  row: IssuedCertificate;
  dueAt: number;
}

const DAY = 86_400;

/**
 * When the current certificates of nodes and clients are due, the first to end first.
 * @param rotateBeforeDays instead of the policy's rotate-before
 */
export async function dueTimes(keystore: Keystore, rotateBeforeDays?: number): Promise<DueTime[]> {
  const { policy } = keystore.state;
  const own = rotateBeforeDays === undefined ? undefined : { ...policy, rotateBefore: rotateBeforeDays * DAY };
  const found = await keystore.query(async (index) => {
    const out: DueTime[] = [];
    for await (const rows of index.all())
      for (const row of rows) {
        if (row.superseded || row.kind === 'probe' || row.revoked !== undefined) continue;
        const at = own === undefined ? row.dueAt : dueAt(own, row, row.notBefore, row.notAfter);
        out.push({ row, dueAt: at });
      }
    return out;
  });
  return found.sort((a, b) => a.row.notAfter - b.row.notAfter);
}
