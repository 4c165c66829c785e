import { readFile } from 'node:fs/promises';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import type { Secret } from '../../src/keystore/envelope/slot.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { unlock } from '../../src/keystore/unlock.ts';
import { KeystoreWriter } from '../../src/keystore/writer.ts';
import { abandonRollover } from '../../src/rollover/abandon.ts';
import { type Finished, finishRollover } from '../../src/rollover/finish.ts';
import type { Phase } from '../../src/rollover/phase.ts';
import { commitStep, commitWithdrawal } from '../../src/rollover/step.ts';
import type { Cluster } from '../support/clusters.ts';

/** Where a keystore is, and the file that opens it. */
type Place = Pick<Cluster, 'keystore' | 'keyFile'>;

// The steps of a rollover without its guards: what the keystore does by itself, whatever the services do.

/** Opens both domains of a cluster's keystore by its key file, and hands a writer over them to `work`. */
export async function opened<T>(
  { keystore: location, keyFile }: Place,
  work: (writer: KeystoreWriter, root: { domain: Awaited<ReturnType<typeof unlock>>; secrets: Secret[] }) => Promise<T>,
): Promise<T> {
  const secrets: Secret[] = [{ kind: 'key-file', bytes: new Uint8Array(await readFile(keyFile)) }];
  const keystore = await Keystore.open(new DirectoryStore(location, { groupRead: false }), { anchors: undefined });
  const daily = await unlock(keystore, 'daily', secrets);
  const options = { now: () => new Date(), acceptClock: false, warn: () => {} };
  const writer = await KeystoreWriter.open(keystore, daily, options);
  const root = { domain: await unlock(keystore, 'root', secrets), secrets };
  return writer.inTurn(30_000, () => work(writer, root));
}

/** Takes steps that destroy nothing. */
export async function step(cluster: Place, ...path: Phase[]): Promise<void> {
  await opened(cluster, async (writer) => {
    for (const [i, to] of path.slice(1).entries())
      await commitStep(writer, { from: path[i] as Phase, to, requestId: `step-${i}` });
  });
}

export const finish = (cluster: Place): Promise<Finished> =>
  opened(cluster, (writer, root) => finishRollover(writer, { requestId: 'finish', root }));

export const abandon = (cluster: Place) => opened(cluster, (writer) => abandonRollover(writer, 'prepared', 'abandon'));

/** The end of a rollback: the new root goes out of the bundles, then its keys. */
export const endRollback = (cluster: Place) =>
  opened(cluster, async (writer) => {
    await commitWithdrawal(writer, 'withdraw');
    return abandonRollover(writer, 'rollback', 'end');
  });
