import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { document, done, expectExit } from './checks.ts';
import type { AuditDocument, IssueDocument, ListDocument } from './documents.ts';
import { files } from './tree.ts';
import { readPair } from './x509.ts';

const cluster = await newCluster();
const { alone: ca, out } = cluster;
const WAIT = ['--wait', '120s', '--json'];
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

async function expectSound(): Promise<void> {
  await done(ca, ['keystore', 'check']);
  await done<AuditDocument>(ca, ['audit', 'verify']);
  expect((await files(out)).filter((name) => name.includes('.cluster-ca.'))).toEqual([]);
}

describe('two issue of the same node at once', () => {
  test.each([
    ['as they are', []],
    ['with --force-new', ['--force-new']],
  ])('%s: both succeed, one certificate a plane is valid, and it is the one in --out', async (_, flags) => {
    const node = `twin${flags.length}`;
    const runs = await Promise.all([1, 2].map(() => ca(['issue', node, ...flags, ...WAIT])));
    for (const run of runs) expectExit(run, 0);
    const { certificates: all } = await done<ListDocument>(ca, ['list', '--all', '--node', node]);
    expect(new Set(all.map(({ serial }) => serial)).size).toBe(all.length);
    for (const plane of ['control', 'data']) {
      const pair = await readPair(join(out, node, plane));
      expect(pair.matches).toBe(true);
      const valid = all.filter((found) => found.plane === plane && found.status === 'valid');
      expect(valid.map(({ serial }) => serial)).toEqual([pair.serial]);
      if (flags.length > 0) expect(all.filter((found) => found.plane === plane)).toHaveLength(2);
    }
    await expectSound();
  });
});

test('32 processes at once: no record lost, serials unique, every pair matches', async () => {
  const runs = await Promise.all(range(32).map((i) => ca(['issue', `many-${i}`, ...WAIT], { timeout: 150_000 })));
  const made = runs.flatMap((run) => {
    expectExit(run, 0);
    return document<IssueDocument>(run).certificates;
  });
  expect(made).toHaveLength(64);
  expect(new Set(made.map(({ serial }) => serial)).size).toBe(64);
  const { certificates: listed } = await done<ListDocument>(ca, ['list']);
  const mine = listed.filter(({ node }) => node.startsWith('many-'));
  expect(mine.map(({ serial }) => serial).sort()).toEqual(made.map(({ serial }) => serial).sort());
  for (const { node, plane, serial } of made) {
    const pair = await readPair(join(out, node, plane ?? ''));
    expect([pair.matches, pair.serial]).toEqual([true, serial]);
  }
  await expectSound();
}, 180_000);

test('issue, rotate, revoke and readers at once', async () => {
  await done(ca, ['issue', 'mix-a', 'mix-b', 'mix-c']);
  const runs = await Promise.all(
    [
      ['rotate', 'mix-a'],
      ['revoke', 'mix-b', '--yes'],
      ['issue', 'mix-d'],
      ['rotate', 'mix-c', '--plane', 'data'],
      ['list', '--all'],
      ['crl'],
      ['crl', '--renew'],
      ['audit', 'verify'],
      ['keystore', 'check'],
      ['status'],
    ].map((args) => ca([...args, ...WAIT])),
  );
  for (const run of runs) expectExit(run, 0);
  await expectSound();
  for (const place of ['mix-a/control', 'mix-a/data', 'mix-c/control', 'mix-c/data', 'mix-d/data'])
    expect((await readPair(join(out, place))).matches).toBe(true);
});
