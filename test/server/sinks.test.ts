import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cli } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/servers.ts';
import { Daemon } from './daemon.ts';

const work = await scratch('sinks');
const inventory = join(work, 'cluster.yaml');
const heard = join(work, 'heard');
const yaml = (command: string): string =>
  `cluster: orders\nnodes:\n  n1: { planes: [data], services: [{ kind: files, dir: ${join(work, 'n1')} }] }\nalerts:\n  pager: { kind: exec, minSeverity: info, command: [sh, -c, "${command}"] }\n`;
const daemon = await Daemon.make('orders', ['--inventory', inventory]);

test('what the daemon records of alerts it tells the sinks of the inventory, also those of a changed one', async () => {
  await writeFile(inventory, yaml(`cat >> ${heard}`));
  await daemon.start();
  await until('the sink was told', async () =>
    (await readFile(heard, 'utf8').catch(() => '')).includes('keystore_never_backed_up'),
  );
  await daemon.event('alert-told', ({ sink }) => sink === 'pager');
  await writeFile(inventory, yaml('exit 3'));
  // A node without services: nobody rotates it before it is looked at.
  await daemon.ca.run('issue', 'lonely', '--plane', 'data', '--lifetime', '2s', '--out', daemon.ca.out);
  await daemon.event('alert', ({ name }) => String(name).startsWith('node_internal_certs_about_to_expire'));
});

test('an inventory that is not understood is an alert, told to those of before; mended, it is over', async () => {
  const told = () => readFile(heard, 'utf8');
  await writeFile(inventory, `${yaml(`cat >> ${heard}`)}nodes: [\n`);
  const raised = await daemon.event('alert', ({ name }) => name === 'inventory_not_understood');
  expect(raised).toMatchObject({
    change: 'raised',
    subject: inventory,
    message: expect.stringMatching(/cluster\.yaml:\d+:\d+/),
  });
  await writeFile(inventory, yaml(`cat >> ${heard}`));
  await daemon.event('alert', ({ name, change }) => name === 'inventory_not_understood' && change === 'resolved');
  await until('the end was told', async () => (await told()).includes('inventory_not_understood'));
});

test('what is being tried again is not given up when the file is touched, nor when others are told from then on', async () => {
  const gate = join(work, 'gate');
  const late = join(work, 'late');
  await writeFile(inventory, yaml(`[ -e ${gate} ] && cat >> ${late}`));
  await daemon.ca.run('issue', 'alone', '--plane', 'data', '--lifetime', '2s', '--out', daemon.ca.out);
  await daemon.event('alert', ({ subject }) => subject === 'alone/data');
  const before = daemon.events.length;
  await utimes(inventory, new Date(), new Date());
  await writeFile(inventory, yaml(`cat >> ${heard}`));
  await daemon.event('alert', ({ name }) => name !== undefined);
  await writeFile(gate, '');
  await until('it was told', async () => (await readFile(late, 'utf8').catch(() => '')).includes('alone/data'));
  const lost = daemon.events.slice(before).filter(({ event, alerts }) => event === 'alert-not-told' && alerts !== 0);
  expect(lost).toEqual([]);
  expect(await daemon.stop()).toBe(0);
}, 120_000);

test('sinks that are wrong keep the daemon from starting, with line and column', async () => {
  await writeFile(inventory, 'cluster: orders\nalerts:\n  pager: { kind: exec }\n');
  const flags = [
    '--listen',
    '127.0.0.1:1',
    '--inventory',
    inventory,
    '--key-file',
    join(daemon.ca.env.CLUSTER_CA_KEYSTORE ?? '', '../serve.key'),
  ];
  const { code, stderr } = await cli(['serve', ...flags], { env: daemon.ca.env });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/cluster\.yaml:3:\d+: alerts\.pager/)]);
});
