import { agentProbeName } from '../issuance/probe.ts';
import { type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';

/** The certificates that a node's agent asks its services with, which are good for an hour, as far as they have not expired. */
export async function agentProbes(keystore: Keystore, node: string, now: Date): Promise<IssuedCertificate[]> {
  const rows = await keystore.query((index) => index.ofName('probe', agentProbeName(node)));
  return rows.filter((row) => statusOf(row, now) !== 'expired');
}
