import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { Agents } from '../../src/server/agents/agents.ts';
import { alertsNow, type Seen } from '../../src/server/alerts/alerting.ts';
import { InventoryFile } from '../../src/server/inventory-file.ts';
import { done } from '../cli/checks.ts';
import { cli } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';

const MINUTE = 60_000;
const { ca, env, keystore: location, directory, out } = await newCluster();

test('a deployment that may be under way is told of after ten minutes; `status` tells of it at once', async () => {
  // Its reload ends the run.
  const service = `{ kind: exec, dir: ${join(directory, 'tls')}, reload: { command: [sh, -c, "kill -9 $PPID"] } }`;
  const inventory = join(directory, 'cluster.yaml');
  await writeFile(inventory, `cluster: orders\nnodes:\n  n1: { planes: [data], services: [${service}] }\n`);
  await done(ca, ['issue', '--inventory', inventory, '--out', out]);
  const args = ['rotate', 'n1', '--deploy', '--inventory', inventory, '--yes'];
  expect((await cli(args, { env, cwd: out })).signal).toBe('SIGKILL');
  const status = await ca(['status', '--json']);
  expect([status.code, status.json().alerts[0].name]).toEqual([4, 'node_deployment_pending']);

  const keystore = await Keystore.open(new DirectoryStore(location, { groupRead: false }), { anchors: undefined });
  const seen = {
    failedRotations: () => [],
    agents: new Agents(() => 0),
    drift: { findings: [] },
    inventory: new InventoryFile(undefined),
    sinks: { alerts: [] },
  } as unknown as Seen;
  const told = async (after: number): Promise<string[]> =>
    (await alertsNow(keystore, seen, new Date(Date.now() + after))).map(({ name }) => name);
  expect(await told(0)).not.toContain('node_deployment_pending');
  expect(await told(10 * MINUTE)).toContain('node_deployment_pending');
});
