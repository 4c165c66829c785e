import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { AgentProcess } from '../agent/agent-process.ts';
import { Daemon } from '../server/daemon.ts';
import { run } from '../support/cli.ts';
import { executable } from '../support/debian.ts';
import { warmCli } from '../support/warm.ts';
import { blocks, newShell, page } from './console.ts';

// docs/agent.md, followed to the letter, but for the places: the daemon is on this host, and so is the node.

const found = blocks(await page('agent.md'));
const named = (name: string): string => found.find((block) => block.name === name)?.content ?? '';
const { work, env, bin } = await newShell('agent');
const inventory = join(work, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
const unit = named('cluster-ca-agent.service');
const here = (text: string): string =>
  text
    .replaceAll('https://ca-1.orders.internal:8443', `https://localhost:${daemon.port}`)
    .replaceAll('/var/lib/cluster-ca-agent', join(work, 'agent'))
    .replaceAll('/etc/cluster-ca/agent.yaml', join(work, 'agent.yaml'))
    .replaceAll('/etc/redis/tls', join(work, 'redis-tls'));

beforeAll(async () => {
  await writeFile(inventory, named('cluster.yaml'));
  await daemon.start();
});

test('the node joins, and the agent of the unit gives its service what it is to have', async () => {
  const shell = (script: string, own: Record<string, string>) =>
    run('bash', ['-euc', script], { cwd: work, env: { ...env, ...own, PATH: `${bin}:${process.env.PATH}` } });
  const made = await shell(named('ca'), daemon.ca.env);
  expect([made.code, made.stderr]).toEqual([0, '']);
  const joined = await shell(here(named('node')), {});
  expect([joined.code, joined.stderr]).toEqual([0, '']);
  // Whoever runs this may not give files away.
  await writeFile(join(work, 'agent.yaml'), here(named('agent.yaml')).replace(/^ *owner:.*\n/m, ''));
  const [, start = ''] = /^ExecStart=cluster-ca (.*)$/m.exec(here(unit)) ?? [];
  const value = (flag: string): string => new RegExp(`--${flag} (\\S+)`).exec(start)?.[1] ?? '';
  const agent = new AgentProcess(daemon, value('node'), work);
  agent.startWith(start.split(' '));
  await agent.event('service', ({ state }) => state === 'placed');
  expect((await warmCli(['inspect', join(work, 'redis-tls/cert.pem')])).code).toBe(0);
  expect([await agent.stop(), agent.stderr]).toEqual([0, '']);
});

const analyze = executable('systemd-analyze');
if (analyze === undefined) process.stderr.write('skipped: no systemd-analyze here (Debian: systemd)\n');
(analyze === undefined ? test.skip : test)('systemd-analyze verify and security', async () => {
  const path = join(work, 'cluster-ca-agent.service');
  await writeFile(path, unit.replace('ExecStart=cluster-ca', `ExecStart=${bin}/cluster-ca`));
  const verified = await run(analyze as string, ['verify', '--man=no', path], { env });
  expect((verified.stdout + verified.stderr).split('\n').filter((line) => line.includes('cluster-ca'))).toEqual([]);
  // Of 100: what is left is that it is root with four capabilities, has a network, and compiles as it runs.
  const rated = await run(analyze as string, ['security', '--offline=yes', '--threshold=45', path], { env });
  expect([rated.code, rated.code === 0 ? '' : rated.stdout]).toEqual([0, '']);
});
