import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { expectExit } from '../cli/checks.ts';
import { clock } from '../cli/clock.ts';
import { type RunResult, run } from '../support/cli.ts';
import { executable } from '../support/debian.ts';
import { accepts, freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { tlsFiles } from '../support/servers-redis.ts';
import { blocks, newShell, page } from './console.ts';

const servers = new Servers('ci');
const ci = blocks(await page('ci.md'));
const named = (name: string): string => {
  const block = ci.find((found) => found.name === name);
  if (block === undefined) throw new Error(`docs/ci.md has no ${name}`);
  return block.content;
};
const ok = (result: RunResult): RunResult => {
  expectExit(result, 0);
  return result;
};

const shells = {
  github: await newShell('github'),
  gitlab: await newShell('gitlab'),
  steps: await newShell('steps'),
  systemd: await newShell('systemd'),
  ansible: await newShell('ansible'),
};
// What CI installs from the registry is this checkout.
for (const { bin } of Object.values(shells)) {
  await writeFile(join(bin, 'npm'), '#!/bin/sh\n[ "$*" = "install --global cluster-ca" ]\n');
  await chmod(join(bin, 'npm'), 0o755);
}

test('GitHub Actions: every step of the job', async () => {
  const { work, bash } = shells.github;
  const expand = (text: string): string => text.replaceAll(/\$\{\{ github\.workspace \}\}/g, work);
  const { jobs } = parse(named('.github/workflows/test.yml'));
  const env = Object.fromEntries(
    Object.entries<string>(jobs.integration.env).map(([name, value]) => [name, expand(value)]),
  );
  for (const step of jobs.integration.steps)
    if (step.run === undefined) expect(step.uses).toMatch(/^actions\/[a-z-]+@v\d+$/);
    else ok(await bash(expand(step.run), env));
  expect((await stat(join(work, 'tls/app.p12'))).mode & 0o777).toBe(0o600);
});

test('GitLab: before_script and script', async () => {
  const { work, bash } = shells.gitlab;
  const { integration } = parse(named('.gitlab-ci.yml'));
  const env = Object.fromEntries(
    Object.entries<string>(integration.variables).map(([name, value]) => [
      name,
      value.replace('$CI_PROJECT_DIR', work),
    ]),
  );
  ok(await bash([...integration.before_script, ...integration.script].join('\n'), env));
});

describe('steps', () => {
  test('gate, inventory, Kubernetes, monitoring, backup', async () => {
    const { work, bash, place } = shells.steps;
    const env = { CLUSTER_CA_KEYSTORE: join(place.directory, 'ca'), CLUSTER_CA_KEY_FILE: join(place.directory, 'key') };
    ok(await bash('cluster-ca init orders && cluster-ca issue redis-1 --out tls', env));
    await writeFile(join(work, 'cluster.yaml'), 'cluster: orders\nnodes:\n  redis-1:\n  redis-2:\n');
    for (const { content } of ci.filter(({ language }) => language === 'sh')) ok(await bash(content, env));
    const read = (name: string) => readFile(join(work, name), 'utf8');
    expect(JSON.parse(await read('status.json'))).toMatchObject({ schemaVersion: 1, attention: false });
    expect(JSON.parse(await read('cluster.schema.json')).properties).toHaveProperty('nodes');
    expect(JSON.parse(await read('plan.json'))).toMatchObject({ dryRun: true });
    expect(parse(await read('redis-1.secret.yaml'))).toMatchObject({ type: 'kubernetes.io/tls' });
    expect(await read('cluster-ca.prom')).toContain('node_cert_expires_in_seconds{');
    expect(await read('live.xml')).toContain('<testsuite');
    // The last block makes a backup, which has a metric of its own.
    const { stdout } = ok(await bash('cluster-ca status --format prometheus', env));
    const named = new Set((await page('ci.md')).match(/\b(cluster_ca|node_cert|client_cert)_[a-z_]+\b/g));
    expect(named.size).toBeGreaterThan(7);
    for (const name of named) if (name !== 'client_cert_expires_in_seconds') expect(stdout).toMatch(`${name}{`);
  });

  test('the gate fails with exit 4 when something comes due', async () => {
    const { bash, place } = shells.steps;
    const env = { CLUSTER_CA_KEYSTORE: join(place.directory, 'ca') };
    expectExit(await bash('cluster-ca status --within 60d --json', env), 4);
  });

  const promtool = executable('promtool');
  if (promtool === undefined) process.stderr.write('skipped: no promtool here (Debian: prometheus)\n');
  (promtool === undefined ? test.skip : test)("Prometheus' rules", async () => {
    const path = join(shells.steps.work, 'alerts.yml');
    await writeFile(path, named('alerts.yml'));
    ok(await run(promtool as string, ['check', 'rules', path]));
  });
});

describe('systemd', () => {
  const { work, env, bash } = shells.systemd;
  const service = named('cluster-ca-rotate.service').replaceAll('/var/lib/cluster-ca', work);
  const values = (key: string): string[] =>
    [...service.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value.replace(/^"(.*)"$/, '$1'));

  test('ExecStart, with the environment that systemd gives it', async () => {
    const credentials = join(work, 'credentials');
    await mkdir(credentials, { recursive: true });
    await writeFile(join(credentials, 'passphrase'), 'correct horse battery staple\n');
    const given = Object.fromEntries(
      values('Environment').map((entry) => {
        const at = entry.indexOf('=');
        return [entry.slice(0, at), entry.slice(at + 1).replace('%d', credentials)];
      }),
    );
    await mkdir(join(work, 'state'));
    const service = `{ kind: files, dir: ${work}/etc }`;
    const node = `redis-1: { planes: [data], services: [${service}] }`;
    await writeFile(join(work, 'cluster.yaml'), `cluster: orders\nnodes:\n  ${node}\n`);
    ok(await bash('cluster-ca init orders && cluster-ca issue redis-1 --plane data --out tls', given));
    const [start = ''] = values('ExecStart');
    ok(await bash(start, given));
    expect(existsSync(join(work, 'etc'))).toBe(false);
    const dates = clock('40d');
    const rotated = ok(await bash(`${start} --json`, { ...given, ...dates })).json();
    expect(rotated.services).toMatchObject([{ node: 'redis-1', state: 'placed' }]);
    expect(await readFile(join(work, 'etc/key.pem'), 'utf8')).toContain('PRIVATE KEY');
  });

  const analyze = executable('systemd-analyze');
  if (analyze === undefined) process.stderr.write('skipped: no systemd-analyze here (Debian: systemd)\n');
  (analyze === undefined ? test.skip : test)('systemd-analyze verify', async () => {
    const units = { 'cluster-ca-rotate.service': service, 'cluster-ca-rotate.timer': named('cluster-ca-rotate.timer') };
    for (const [name, content] of Object.entries(units))
      await writeFile(
        join(work, name),
        content.replace('ExecStart=cluster-ca', `ExecStart=${shells.systemd.bin}/cluster-ca`),
      );
    const paths = Object.keys(units).map((name) => join(work, name));
    const result = ok(await run(analyze as string, ['verify', '--man=no', ...paths], { env }));
    const ours = (result.stdout + result.stderr).split('\n').filter((line) => line.includes('cluster-ca'));
    expect(ours).toEqual([]);
    // Of 100: what is left is that it has a network, and compiles as it runs.
    const path = join(work, 'cluster-ca-rotate.service');
    const rated = await run(analyze as string, ['security', '--offline=yes', '--threshold=25', path], { env });
    expect([rated.code, rated.code === 0 ? '' : rated.stdout]).toEqual([0, '']);
  });
});

describe('Ansible', () => {
  const { work, env, bash, place } = shells.ansible;
  const playbook = join(work, 'certificates.yml');
  const ca = { CLUSTER_CA_KEYSTORE: join(place.directory, 'ca'), CLUSTER_CA_KEY_FILE: join(place.directory, 'key') };

  test('the commands of its tasks, twice: the second time nothing is made', async () => {
    ok(await bash('cluster-ca init orders', ca));
    const [{ tasks }] = parse(named('certificates.yml'));
    const commands = tasks
      .filter((task: { delegate_to?: string }) => task.delegate_to === 'localhost')
      .map((task: Record<string, { argv: string[] }>) => task['ansible.builtin.command']?.argv);
    expect(commands).toHaveLength(2);
    const made: number[] = [];
    for (const argv of [...commands, ...commands] as string[][]) {
      const words = argv.map((word) =>
        word.replace('{{ inventory_hostname }}', 'redis-1').replace('{{ made_in }}', 'by-hand'),
      );
      const { certificates } = ok(await bash(words.join(' '), ca)).json();
      made.push(certificates.length);
    }
    expect(made).toEqual([1, 0, 0, 0]);
  });

  const ansible = executable('ansible-playbook');
  if (ansible === undefined) process.stderr.write('skipped: no ansible-playbook here (Debian: ansible-core)\n');
  (ansible === undefined ? test.skip : test)(
    'the play itself, twice: the second time nothing changes',
    async () => {
      await writeFile(playbook, named('certificates.yml'));
      const host = `redis-5 ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n`;
      await writeFile(join(work, 'hosts'), `[redis]\n${host}`);
      const here = ['-e', `tls_dir=${work}/etc`, '-e', `tls_owner=${userInfo().username}`];
      const play = (...more: string[]) =>
        run(
          ansible as string,
          ['-i', 'hosts', ...(more.length > 0 ? more : ['--skip-tags', 'reload']), ...here, playbook],
          {
            cwd: work,
            env: { ...env, ...ca, ANSIBLE_NOCOLOR: '1' },
            timeout: 120_000,
          },
        );
      expect(ok(await play()).stdout).toMatch(/redis-5 +: ok=4 +changed=3 /);
      expect(ok(await play()).stdout).toMatch(/redis-5 +: ok=4 +changed=0 /);
      expect(await readFile(join(work, 'etc/key.pem'), 'utf8')).toContain('PRIVATE KEY');
      if (executable('redis-server') === undefined || executable('redis-cli') === undefined) {
        process.stderr.write('skipped: no redis-server here, so that nothing is reloaded by the play\n');
        return;
      }
      const port = await freePort();
      const settings = {
        port: '0',
        'tls-port': `${port}`,
        bind: '127.0.0.1',
        save: '',
        ...tlsFiles(join(work, 'etc')),
      };
      await servers.start({
        name: 'redis-5',
        directory: join(servers.directory, 'redis-5'),
        file: 'redis-server',
        args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
        ready: () => accepts(port),
      });
      const served = async (): Promise<string> =>
        ok(await bash(`cluster-ca inspect 127.0.0.1:${port} --pem | openssl x509 -noout -serial`, ca)).stdout;
      const before = await served();
      ok(await bash('cluster-ca rotate redis-5 --plane data --out tls', ca));
      expect(ok(await play('-e', `redis_port=${port}`)).stdout).toMatch(/redis-5 +: ok=5 +changed=2 /);
      expect(await served()).not.toBe(before);
    },
    360_000,
  );
});
