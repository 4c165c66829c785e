import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, fails, verdict } from './checks.ts';
import type { IssueDocument } from './documents.ts';
import { expectFleetBelow, expectFleetIn, fleetInventory, fleetSerials } from './fleets.ts';

// A fleet: what is asked for in an inventory of many nodes, made in batches.
const NODES = 20;
const cluster = await newCluster();
const large = await newCluster();
const inventory = await fleetInventory(cluster, 'fleet', NODES);
const issue = (out: string, ...flags: string[]) =>
  done<IssueDocument>(cluster.ca, ['issue', '--inventory', inventory, '--out', join(cluster.out, out), ...flags]);

test('is left alone where its files are, and made anew where they are not', async () => {
  expect((await issue('here')).certificates).toHaveLength(2 * NODES);
  await expectFleetBelow(cluster, join(cluster.out, 'here'), 'fleet', 2 * NODES);
  const first = await fleetSerials(cluster, 'fleet');
  const again = await issue('here');
  expect([again.certificates.length, again.unchanged.length]).toEqual([0, 2 * NODES]);
  expect(await fleetSerials(cluster, 'fleet')).toEqual(first);
  const elsewhere = await issue('elsewhere');
  expect([elsewhere.certificates.length, elsewhere.unchanged.length]).toEqual([2 * NODES, 0]);
  await expectFleetBelow(cluster, join(cluster.out, 'elsewhere'), 'fleet', 2 * NODES);
});

test('goes into an archive, which is not replaced unless it is said', async () => {
  expect((await issue('fleet.tar')).certificates).toHaveLength(2 * NODES);
  await expectFleetIn(cluster, join(cluster.out, 'fleet.tar'), 'fleet', 2 * NODES);
  const args = ['issue', '--inventory', inventory, '--out', join(cluster.out, 'fleet.tar')];
  await fails(cluster.ca, args, 'ERR_EXISTS');
  await issue('fleet.tar', '--force-new');
  await expectFleetIn(cluster, join(cluster.out, 'fleet.tar'), 'fleet', 2 * NODES);
});

test('the key of one whose files could not be written is kept, whatever batches follow: the same command finishes it', async () => {
  // Two batches: the first has 2,000 certificates.
  const nodes = 1010;
  const args = ['issue', '--inventory', await fleetInventory(large, 'fleet', nodes), '--out', large.out];
  const blocked = join(large.out, 'fleet-3', 'data');
  await mkdir(join(large.out, 'fleet-3'), { recursive: true });
  await writeFile(blocked, '');
  // What a run leaves is taken up when its process is gone: two processes.
  await verdict(large.alone, args, 'ERR_PARTIAL');
  await rm(blocked);
  const again = await done<IssueDocument>(large.alone, args);
  expect([again.certificates.length, again.unchanged.length]).toEqual([0, 2 * nodes]);
  expect((await readdir(blocked)).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
  expect((await readdir(large.out)).filter((name) => name.startsWith('.'))).toEqual([]);
});
