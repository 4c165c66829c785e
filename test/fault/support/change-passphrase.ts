import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryStore } from '../../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import { type Bench, type Operation, ready } from './bench.ts';

/** One passphrase is replaced by another; which of them opens the keystore after a fault is what the log says. */
export async function changePassphrase(bench: Bench): Promise<Operation> {
  const setting = bench.bare();
  const { keystore } = setting.subject;
  const [first, second] = ['first', 'second'].map((name) => join(bench.directory, name)) as [string, string];
  const slots = async (): Promise<string> => {
    const store = new DirectoryStore(keystore, { groupRead: false });
    return (await Keystore.open(store, { anchors: undefined })).state.slots.map(({ id }) => id).join();
  };
  const prepared = await bench.prepare(undefined, async (ledger) => {
    for (const file of [first, second]) await writeFile(file, `the passphrase in ${file}\n`, { mode: 0o600 });
    await ready(setting, ledger, ['init', 'orders', '--passphrase-file', first]);
  });
  const before = await slots();
  return {
    ...setting,
    ...prepared,
    args: ['keystore', 'passphrase', '--json', '--passphrase-file', first, '--new-passphrase-file', second],
    again: async () => {
      const opens = (await slots()) === before ? first : second;
      return ['issue', 'n1', '--plane', 'data', '--json', '--passphrase-file', opens];
    },
  };
}
