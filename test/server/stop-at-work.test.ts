import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/servers.ts';
import { Daemon } from './daemon.ts';

const work = await scratch('stop-at-work');
const at = (name: string): string => join(work, name);
const daemon = await Daemon.make('orders', ['--inventory', at('cluster.yaml')]);

test('told to stop while a reload runs, it finishes that service, and ends with 0', async () => {
  const reload = `touch ${at('reloading')}; until [ -e ${at('go')} ]; do sleep 0.05; done; touch ${at('reloaded')}`;
  const service = { kind: 'exec', dir: at('tls'), reload: { command: ['sh', '-c', reload] } };
  const nodes = { n1: { planes: ['data'], services: [service] } };
  await writeFile(at('cluster.yaml'), JSON.stringify({ cluster: 'orders', nodes }));
  const operator = await daemon.person('ann', '--role', 'operator');
  await daemon.node('n1');
  await daemon.start();
  const headers = { Prefer: 'respond-async' };
  const path = '/v1/cluster/certificates/rotate';
  expect((await daemon.call(operator, path, { method: 'POST', body: {}, headers })).status).toBe(202);
  await until('the reload is under way', async () => existsSync(at('reloading')));
  const ended = daemon.stop('SIGTERM');
  await daemon.event('stopping');
  await writeFile(at('go'), '');
  expect([await ended, daemon.stderr, existsSync(at('reloaded'))]).toEqual([0, '', true]);
  expect((await readdir(at('tls'))).filter((name) => name.includes('deploying'))).toEqual([]);
  expect(daemon.events.at(-1)?.event).toBe('stopped');
});
