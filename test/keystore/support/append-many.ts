import { DirectoryStore } from '../../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../../src/keystore/keystore.ts';
import { unlock } from '../../../src/keystore/unlock.ts';
import { KeystoreWriter } from '../../../src/keystore/writer.ts';
import { KEY_FILE, START } from './vector-keystore.ts';

// A process of the append race: `append-many ROOT COUNT NAME locked|unlocked`. Every record is by its own request id.

const [root, count, name, mode] = process.argv.slice(2) as [string, string, string, string];
const keystore = await Keystore.open(new DirectoryStore(root, { groupRead: false }), { anchors: undefined });
const secret = { kind: 'key-file' as const, bytes: new TextEncoder().encode(KEY_FILE) };
const writer = await KeystoreWriter.open(keystore, await unlock(keystore, 'daily', [secret]), {
  now: () => new Date(START),
  acceptClock: false,
  warn: () => {},
});
const one = async (i: number): Promise<void> => {
  const record = await writer.commit('abandon', `${name}-${i}`, async () => ({ serials: [] }));
  console.log(record?.seq);
};
for (let i = 0; i < Number(count); i++)
  if (mode === 'locked') await writer.inTurn(60_000, () => one(i));
  else await one(i);
