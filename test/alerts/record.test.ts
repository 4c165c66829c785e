import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Alert } from '../../src/alerts/alert.ts';
import { transitions } from '../../src/alerts/lifecycle.ts';
import { recordTransitions } from '../../src/alerts/record.ts';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
// @ts-expect-error: plain JavaScript, so that it runs without anything of this project
import * as second from '../keystore/second-reader.mjs';
import { openKeystore } from '../support/open-keystore.ts';
import { scratch } from '../support/scratch.ts';

const directory = await scratch('alerts');
const location = join(directory, 'keystore');
const NOW = Date.UTC(2026, 5, 1);
const crowd = (name: string, n: number): Alert[] =>
  Array.from({ length: n }, (_, i) => ({
    name,
    severity: 'warning',
    subject: `n${i}/data`,
    message: 'it ends',
    hint: `cluster-ca rotate n${i}`,
    since: '2026-01-01T00:00:00Z',
  }));
const reopened = () => Keystore.open(new DirectoryStore(location, { groupRead: false }), { anchors: undefined });

test('the log holds what was told; who reads it tells nothing twice; both readers see the same', async () => {
  const writer = await openKeystore(directory, new Date(NOW));
  const alerts = [
    ...crowd('node_drift', 60),
    ...crowd('node_deployment_failed', 60),
    ...crowd('a', 64),
    ...crowd('b', 64),
    ...crowd('c', 64),
  ];
  const before = writer.keystore.state.seq;
  expect(await recordTransitions(writer, 'r1', alerts, NOW)).toHaveLength(312);
  expect(writer.keystore.state.seq).toBe(before + 2);
  expect(await recordTransitions(writer, 'r2', alerts, NOW)).toEqual([]);
  const { state } = await reopened();
  expect(transitions(state.alerts ?? [], alerts, NOW + 1)).toEqual([]);
  expect(state.alerts).toHaveLength(312);
  expect(second.readKeystore(location).state).toEqual(state);

  const over = await recordTransitions(writer, 'r3', crowd('node_drift', 1), NOW + 1000);
  expect(over.map(({ event }) => event)).toEqual(Array.from({ length: 311 }, () => 'resolved'));
  expect((await reopened()).state.alerts).toMatchObject([{ subject: 'n0/data' }]);
  await recordTransitions(writer, 'r4', [], NOW + 2000);
  const last = (await reopened()).state;
  expect(last).not.toHaveProperty('alerts');
  expect(second.readKeystore(location).state).toEqual(last);
});
