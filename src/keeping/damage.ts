import { sha256Hex } from '../crypto/hash.ts';
import { LOG_FANOUT } from '../keystore/directory/layout.ts';
import { decodeIdentity, type Identity } from '../keystore/identity.ts';
import { readObject } from '../keystore/load.ts';
import { checkNoGap } from '../keystore/log/gap.ts';
import { decodeRecord } from '../keystore/log/record.ts';
import type { Store } from '../keystore/store.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { damaged, type Finding, lookAt } from './finding.ts';

/** Every log record and object that is not what it should be, when the replay stopped at the first of them. */
export async function damagedFiles(store: Store, identityBytes: Uint8Array | undefined): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = (file: string, check: () => Promise<void> | void): Promise<void> =>
    lookAt(findings, file, undefined, check);
  const identity = identityBytes && (await decoded(identityBytes, look));
  if (identity === undefined || identityBytes === undefined) return findings;
  const { id, auditKey } = identity;
  let previous = sha256Hex(identityBytes);
  for (let seq = 0; ; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) {
      await look(recordFile(seq), () => checkNoGap(store, seq));
      return findings;
    }
    const expected = previous;
    previous = sha256Hex(bytes);
    await look(recordFile(seq), async () => {
      const entry = decodeRecord(id, seq, bytes, fromBase64(auditKey));
      if (entry.prev !== expected) throw damaged('it does not follow the record before it');
      if (entry.op !== 'issue') return;
      const { pack } = entry.body;
      await look(`objects/${pack}`, async () => {
        await readObject(store, pack, `the certificates of log record ${seq}`);
      });
    });
  }
}

const recordFile = (seq: number): string => `log/${Math.floor(seq / LOG_FANOUT)}/${seq}`;

async function decoded(
  bytes: Uint8Array,
  look: (file: string, check: () => void) => Promise<void>,
): Promise<Identity | undefined> {
  let identity: Identity | undefined;
  await look('KEYSTORE', () => {
    identity = decodeIdentity(bytes);
  });
  return identity;
}
