import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { scratch } from '../support/scratch.ts';
import type { Operation } from './support/bench.ts';
import { expectRecovery, lookAt } from './support/campaign.ts';
import { DiskModel, type Loss } from './support/disk-model.ts';
import { expectBesideKeys } from './support/invariant.ts';
import { allOperations } from './support/operations.ts';
import { describeFaults, LONG, sampled, textOf } from './support/preload.ts';

// Power loss before each storage call of a run, and behind its last one: whatever was not made durable is gone, or the
// names are there and the content is not, or the content and not the names. `npm run fault:power` has the next command
// run after each of them; CI after a few.
const LIMIT = LONG ? 7_200_000 : 120_000;
const LOSSES: Loss[] = ['everything', 'content', 'names'];
const operations = await allOperations();
const place = await scratch('model');

async function lose(operation: Operation): Promise<{ calls: number; commands: number }> {
  const ledger = operation.begin();
  const disk = new DiskModel(operation.target.directory);
  const { calls, result } = await operation.trace(operation.args);
  const names = calls.map(textOf);
  const followed = new Set(sampled(names, 2));
  const looked = new Set([...sampled(names, 6), ...followed, calls.length + 1]);
  // The same disk again tells nothing new.
  const seen = new Set<string>();
  let commands = 0;
  // A disk that was seen before is passed over: the command is run on the next that is new.
  let due = false;
  for (let at = 0; at <= calls.length; at++) {
    const over = at === calls.length;
    // What was acknowledged was so after the last call.
    if (over) {
      ledger.note(result);
      seen.clear();
    }
    due ||= followed.has(at + 1);
    for (const loss of looked.has(at + 1) ? LOSSES : []) {
      const digest = disk.digest(loss);
      if (seen.has(digest)) continue;
      seen.add(digest);
      disk.restore(loss);
      const goesOn = LONG || (loss === 'everything' && due);
      if (over || !goesOn) {
        const truth = await lookAt(operation, ledger);
        if (over && truth !== undefined) await expectBesideKeys(operation.subject, truth);
      }
      if (!goesOn) continue;
      await expectRecovery(operation, ledger.copy(), { ...result, code: null });
      commands++;
      due = false;
    }
    const call = calls[at];
    if (call !== undefined) disk.apply(call);
  }
  return { calls: calls.length, commands };
}

describeFaults('power loss', () => {
  test.each(operations.filter(([name]) => LONG || !(name === 'passphrase' || name.startsWith('rollover'))))(
    '%s',
    async (name, make) => {
      const { calls, commands } = await lose(await make());
      if (LONG)
        process.stderr.write(`${name}: ${calls} storage calls, ${commands} different disks after a power loss\n`);
      expect(commands).toBeGreaterThan(0);
    },
    LIMIT,
  );
});

test('the model forgets what was not synced, and nothing else', async () => {
  mkdirSync(join(place, 'old'));
  writeFileSync(join(place, 'old/file'), 'kept');
  const disk = new DiskModel(place);
  const path = join(place, 'old/new');
  const data = new TextEncoder().encode('content');
  const names = (): string[] => readdirSync(join(place, 'old')).sort();
  for (const call of [
    { name: 'open', path },
    { name: 'write', path, data },
  ])
    disk.apply(call);
  disk.restore('everything');
  expect(names()).toEqual(['file']);
  disk.restore('content');
  expect([names(), readFileSync(path, 'utf8')]).toEqual([['file', 'new'], '']);
  disk.apply({ name: 'fsync', path });
  disk.restore('content');
  expect(readFileSync(path, 'utf8')).toBe('content');
  disk.restore('everything');
  expect(names()).toEqual(['file']);
  disk.apply({ name: 'rename', path: join(place, 'old/last'), from: path });
  disk.apply({ name: 'unlink', path: join(place, 'old/file') });
  disk.restore('everything');
  expect(names()).toEqual(['file']);
  disk.apply({ name: 'fsync', path: join(place, 'old') });
  disk.restore('everything');
  expect([names(), readFileSync(join(place, 'old/last'), 'utf8')]).toEqual([['last'], 'content']);
});
