import { sha256Hex } from '../crypto/hash.ts';
import { isClusterCaError } from '../errors.ts';
import { LOG_FANOUT } from '../keystore/directory/layout.ts';
import { decodeIdentity, type Identity } from '../keystore/identity.ts';
import { readObject } from '../keystore/load.ts';
import type { CrlRef } from '../keystore/log/bodies.ts';
import { checkNoGap } from '../keystore/log/gap.ts';
import { decodeRecord } from '../keystore/log/record.ts';
import type { Store } from '../keystore/store.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { damaged, type Finding, lookAt, RESTORE } from './finding.ts';

/** Every log record and object that is not what it should be, when the replay stopped at the first of them. */
export async function damagedFiles(store: Store, identityBytes: Uint8Array | undefined): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = (file: string, check: () => Promise<void> | void): Promise<void> =>
    lookAt(findings, file, undefined, check);
  const identity = identityBytes && (await decoded(identityBytes, look));
  if (identity === undefined || identityBytes === undefined) return findings;
  if (!(await isLogsOwn(store, identity, identityBytes)))
    return [{ file: 'KEYSTORE', problem: 'it is not the file that this log was begun with', hint: RESTORE }];
  const { id, auditKey } = identity;
  const crls = new Map<string, CrlRef>();
  let previous = sha256Hex(identityBytes);
  for (let seq = 0; ; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) {
      await look(recordFile(seq), () => checkNoGap(store, seq));
      // One that is gone may have been replaced by a record that is missing.
      for (const { authority, sha256 } of crls.values())
        if ((await store.getObject(sha256)) !== undefined)
          await look(`objects/${sha256}`, async () => {
            await readObject(store, sha256, `the CRL of ${authority}`);
          });
      return findings;
    }
    const expected = previous;
    previous = sha256Hex(bytes);
    await look(recordFile(seq), async () => {
      const entry = decodeRecord(id, seq, bytes, fromBase64(auditKey));
      if (entry.prev !== expected) throw damaged('it does not follow the record before it');
      if ('crls' in entry.body) for (const crl of entry.body.crls ?? []) crls.set(crl.authority, crl);
      if (entry.op !== 'issue') return;
      const { pack } = entry.body;
      await look(`objects/${pack}`, async () => {
        await readObject(store, pack, `the certificates of log record ${seq}`);
      });
    });
  }
}

/**
 * Whether the file KEYSTORE is the one that the log was begun with. When it was changed no signature verifies by it, or
 * record 0 names another.
 */
async function isLogsOwn(store: Store, { id, auditKey }: Identity, identityBytes: Uint8Array): Promise<boolean> {
  const hash = sha256Hex(identityBytes);
  for (let seq = 0; ; seq++) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) return seq === 0 || named(await store.readRecord(0)) === hash;
    try {
      const { prev } = decodeRecord(id, seq, bytes, fromBase64(auditKey));
      return seq > 0 || prev === hash;
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
    }
  }
}

/** The `prev` of a record that may be damaged. */
function named(bytes: Uint8Array | undefined): string | undefined {
  return /"prev":"([0-9a-f]{64})"/.exec(new TextDecoder().decode(bytes))?.[1];
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
