import { join } from 'node:path';
import { init } from '../../src/init/init.ts';
import { makePolicy } from '../../src/init/policy.ts';
import type { PolicyOptions } from '../../src/init/policy-options.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { unlock } from '../../src/keystore/unlock.ts';
import { KeystoreWriter } from '../../src/keystore/writer.ts';

/** A new keystore in a directory, opened in this process, under a clock that stands still. */
export async function openKeystore(directory: string, now: Date, options: PolicyOptions = {}): Promise<KeystoreWriter> {
  const location = join(directory, 'keystore');
  await init({
    cluster: 'orders',
    policy: makePolicy('orders', options),
    location,
    rootLocation: undefined,
    groupRead: false,
    secrets: { daily: secrets(), root: secrets() },
    anchors: undefined,
    now,
    warn: () => {},
  });
  return anotherWriter(directory, now);
}

/** A further writer on it, as another process has one. */
export async function anotherWriter(directory: string, now: Date): Promise<KeystoreWriter> {
  const location = join(directory, 'keystore');
  const keystore = await Keystore.open(new DirectoryStore(location, { groupRead: false }), { anchors: undefined });
  const writerOptions = { now: () => now, acceptClock: false, warn: () => {} };
  return KeystoreWriter.open(keystore, await unlock(keystore, 'daily', secrets()), writerOptions);
}

function secrets() {
  return [{ kind: 'key-file' as const, bytes: new Uint8Array(32).fill(7) }];
}
