import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { expectExit } from '../cli/checks.ts';
import { run } from '../support/cli.ts';
import { executable } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { blocks, newShell, page } from './console.ts';

const found = blocks(await page('serve.md'));
const { work, env, bash, bin } = await newShell('serve');
const named = (name: string): string => found.find((block) => block.name === name)?.content ?? '';
const unit = named('cluster-ca-serve.service').replaceAll('/var/lib/cluster-ca', work);
const values = (key: string): string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);

test('ExecStart, with the environment and the credential that systemd gives it', async () => {
  const own = Object.fromEntries(values('Environment').map((entry) => entry.split('=') as [string, string]));
  await mkdir(join(work, 'state'), { recursive: true });
  await mkdir(join(work, 'credentials'), { mode: 0o700 });
  await writeFile(join(work, 'cluster.yaml'), 'cluster: orders\nnodes:\n  redis-1:\n');
  // What only root can do, and only under systemd, is stood in for; the rest is done as it is written.
  const setup = [
    'useradd() { :; }; install() { for last; do :; done; mkdir -p "$last"; }; runuser() { shift 3; "$@"; }',
    'systemd-creds() { cp "$3" "$4"; }',
    named('setup')
      .replaceAll('/var/lib/cluster-ca', work)
      .replaceAll('/etc/credstore.encrypted', `${work}/credentials`),
  ].join('\n');
  expectExit(await bash(setup, { CLUSTER_CA_KEY_FILE: join(work, 'orders.key') }), 0);
  const [start = ''] = values('ExecStart');
  const [port, plain] = [await freePort(), await freePort()];
  const command = start.replace('0.0.0.0:8443', `0.0.0.0:${port}`).replace('0.0.0.0:8080', `127.0.0.1:${plain}`);
  const child = spawn('bash', ['-c', `exec ${command}`], {
    cwd: work,
    env: { ...env, ...own, PATH: `${bin}:${process.env.PATH}`, CREDENTIALS_DIRECTORY: join(work, 'credentials') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    let told = '';
    for await (const chunk of child.stderr) {
      told += chunk;
      if (told.includes(' listening ')) break;
    }
    expect(told).toContain('cluster=orders');
    const { stdout } = await run('curl', ['-sS', `http://127.0.0.1:${plain}/readyz`]);
    expect(stdout).toBe('ready\n');
  } finally {
    child.kill('SIGTERM');
  }
  expect((await once(child, 'exit'))[0]).toBe(0);
});

test('files can be given to the groups of its user: chown is among the privileged calls, which are not allowed else', () => {
  expect(values('SystemCallFilter').slice(-2)).toEqual(['~@privileged @resources', '@chown']);
});

const analyze = executable('systemd-analyze');
if (analyze === undefined) process.stderr.write('skipped: no systemd-analyze here (Debian: systemd)\n');
(analyze === undefined ? test.skip : test)('systemd-analyze verify and security', async () => {
  const path = join(work, 'cluster-ca-serve.service');
  await writeFile(path, unit.replace('ExecStart=cluster-ca', `ExecStart=${bin}/cluster-ca`));
  const verified = await run(analyze as string, ['verify', '--man=no', path], { env });
  expect((verified.stdout + verified.stderr).split('\n').filter((line) => line.includes('cluster-ca'))).toEqual([]);
  // Of 100: what is left is that it has a network, and compiles as it runs.
  const rated = await run(analyze as string, ['security', '--offline=yes', '--threshold=25', path], { env });
  expect([rated.code, rated.code === 0 ? '' : rated.stdout]).toEqual([0, '']);
});

const promtool = executable('promtool');
(promtool === undefined ? test.skip : test)('promtool takes the rules', async () => {
  const path = join(work, 'alerts.yml');
  await writeFile(path, named('alerts.yml'));
  const { code, stdout, stderr } = await run(promtool as string, ['check', 'rules', path]);
  expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, '']);
});
