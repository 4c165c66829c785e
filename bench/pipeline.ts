import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { init } from '../src/init/init.ts';
import { makePolicy } from '../src/init/policy.ts';
import { issueFleet } from '../src/issuance/batch/fleet.ts';
import { type Sink, stageKeysIn } from '../src/issuance/batch/sink.ts';
import type { IssueItem } from '../src/issuance/item.ts';
import { DirectoryStore } from '../src/keystore/directory/directory-store.ts';
import { Keystore } from '../src/keystore/keystore.ts';
import { unlock } from '../src/keystore/unlock.ts';
import { KeystoreWriter } from '../src/keystore/writer.ts';

/** A fleet through the pipeline alone, in this process: keys made and staged, certificates linted, signed, committed and durable. @returns certificates a second */
export async function pipeline(location: string, nodes: number): Promise<number> {
  const secret = randomBytes(32);
  const secrets = () => [{ kind: 'key-file' as const, bytes: new Uint8Array(secret) }];
  await init({
    cluster: 'orders',
    policy: makePolicy('orders', {}),
    location,
    rootLocation: undefined,
    groupRead: false,
    secrets: { daily: secrets(), root: secrets() },
    anchors: undefined,
    now: new Date(),
    warn: () => {},
  });
  const keystore = await Keystore.open(new DirectoryStore(location, { groupRead: false }), { anchors: undefined });
  const writer = await KeystoreWriter.open(keystore, await unlock(keystore, 'daily', secrets()), {
    now: () => new Date(),
    acceptClock: false,
    warn: () => {},
  });
  const items = fleet(nodes);
  const start = performance.now();
  let made = 0;
  await issueFleet(writer, {
    items,
    access: { keyMode: 0o600 },
    requestId: 'bench',
    requestHash: '00'.repeat(32),
    sink: new StagingOnly(location),
    onPlaced: () => made++,
    onProgress: () => {},
    revokedAmong: async () => [],
    reconsider: async () => [],
  });
  return made / ((performance.now() - start) / 1000);
}

function fleet(nodes: number): IssueItem[] {
  return Array.from({ length: nodes }, (_, i) =>
    ['control', 'data'].map(
      (plane): IssueItem => ({
        kind: 'node',
        name: `redis-${i}`,
        plane,
        profile: 'peer',
        dns: [`redis-${i}.orders.internal`],
        ip: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`],
        keyType: 'ecdsa-p256',
        wildcards: false,
      }),
    ),
  ).flat();
}

/** Stages the keys durably, as every sink does, and writes nothing else. */
class StagingOnly implements Sink {
  readonly #directory: string;
  #batch = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async stageKeys(...[slices, pool]: Parameters<Sink['stageKeys']>): Promise<void> {
    await stageKeysIn(join(this.#directory, `staged-${this.#batch++}`), slices, pool);
  }

  async confirmStaged(): Promise<void> {}

  async unstage(): Promise<void> {}

  async place(...[slices, pool]: Parameters<Sink['place']>): Promise<[]> {
    await Promise.all(slices.map(({ id }) => pool.ask({ type: 'drop', id }, 'dropped')));
    return [];
  }

  async finish(): Promise<void> {}

  async discard(): Promise<void> {}
}
