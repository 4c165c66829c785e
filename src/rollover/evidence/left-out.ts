import type { Keystore } from '../../keystore/keystore.ts';
import type { Holder } from '../planning/subject.ts';

/**
 * Those who are left out of the rollover still, in the order in which they were. Whoever has been given a certificate
 * again since, which has not expired and is not revoked, takes part as everybody else: a server that nobody asks would
 * be locked out by the next phase.
 */
export async function leftOut(keystore: Keystore, now: Date): Promise<(Holder & { at: number })[]> {
  const out: (Holder & { at: number })[] = [];
  for (const { kind, name, at } of keystore.state.rollover?.excluded ?? [])
    if (!(await hasCertificate(keystore, { kind, name }, now))) out.push({ kind, name, at });
  return out;
}

async function hasCertificate(keystore: Keystore, { kind, name }: Holder, now: Date): Promise<boolean> {
  const rows = await keystore.query((index) => index.ofName(kind, name));
  return rows.some(
    ({ revoked, abandoned, notAfter }) => revoked === undefined && !abandoned && notAfter + 1000 > now.getTime(),
  );
}
