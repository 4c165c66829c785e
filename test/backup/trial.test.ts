import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryDirectory } from '../../src/backup/trial.ts';

test('a killed trial is removed by the next; that of another container, whose numbers say nothing here, stays', async () => {
  const own = await temporaryDirectory();
  const dead = own.replace(`.${process.pid}-`, '.4000000-');
  const elsewhere = dead.replace(/cluster-ca-trial-[^.]*/, 'cluster-ca-trial-elsewhere');
  expect(new Set([own, dead, elsewhere]).size).toBe(3);
  const made = [own, dead, elsewhere];
  try {
    for (const path of [dead, elsewhere]) await mkdir(path);
    made.push(await temporaryDirectory());
    expect(made.map((path) => existsSync(path))).toEqual([true, false, true, true]);
  } finally {
    for (const path of made) await rm(path, { recursive: true, force: true });
  }
});
