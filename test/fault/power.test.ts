import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { scratch } from '../support/scratch.ts';
import { expectRecovery, lookAt } from './support/campaign.ts';
import { DiskModel, type Loss } from './support/disk-model.ts';
import { expectBesideKeys } from './support/invariant.ts';
import { allOperations, type Operation } from './support/operations.ts';
import { describeFaults, LONG, sampled, trace } from './support/preload.ts';

// Power loss before each storage call of a run, and behind its last one: whatever was not made durable is gone, or the
// names are there and the content is not, or the content and not the names. `npm run fault:power` has the next command
// run after each of them; CI after a few.
const LIMIT = LONG ? 7_200_000 : 120_000;
const LOSSES: Loss[] = ['everything', 'content', 'names'];
const operations = await allOperations();
const place = await scratch('model');

async function lose(operation: Operation): Promise<{ states: number; commands: number }> {
  const scene = await operation.scene();
  const { target, args, ledger } = scene;
  const disk = new DiskModel(target.directory);
  const { calls, result } = await trace(target, args);
  const names = calls.map(({ name, path }) => `${name} ${path}`);
  const followed = new Set(sampled(names, 3));
  const looked = new Set([...sampled(names, 14), ...followed, calls.length + 1]);
  let [states, commands] = [0, 0];
  for (let at = 0; at <= calls.length; at++) {
    for (const loss of looked.has(at + 1) ? LOSSES : []) {
      disk.restore(loss);
      // What was acknowledged was so after the last call.
      if (at === calls.length) ledger.note(result);
      const truth = await lookAt(scene);
      states++;
      if (at === calls.length && truth !== undefined) await expectBesideKeys(scene.subject, truth);
      if (!LONG && (loss !== 'everything' || !followed.has(at + 1))) continue;
      await scene.between?.();
      await expectRecovery(operation, { ...scene, ledger: ledger.copy() }, { ...result, code: null });
      commands++;
    }
    const call = calls[at];
    if (call !== undefined) disk.apply(call);
  }
  return { states, commands };
}

describeFaults('power loss', () => {
  test.each(operations.filter(([name]) => LONG || name !== 'passphrase'))(
    '%s',
    async (name, operation) => {
      const { states, commands } = await lose(operation);
      if (LONG) process.stderr.write(`${name}: ${states} states after a power loss, ${commands} commands after them\n`);
      expect(states).toBeGreaterThan(30);
      expect(commands).toBeGreaterThan(1);
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
