import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { expectExit } from '../cli/checks.ts';
import { CLUSTER_CA, cli } from '../support/cli.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';

const file = (name: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
const dockerfile = await file('packaging/Dockerfile');
const compose = parse(await file('packaging/compose.yaml'));
const service = compose.services['cluster-ca'];

test('the recipe: nobody, read-only, nothing of the host, no shell, and it names files that are there', async () => {
  // Without a name of its own its certificate would be for the container's id.
  expect(service).toMatchObject({ hostname: 'ca-1', user: '65532:65532', read_only: true, cap_drop: ['ALL'] });
  expect(dockerfile).toContain('\nUSER 65532:65532\n');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  expect(last).toMatch(/^\nFROM gcr\.io\/distroless\//);
  expect(last).not.toMatch(/^RUN /m);
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '));
  const there = await readdir(fileURLToPath(new URL('../..', import.meta.url)));
  for (const name of copied) expect(there).toContain(name);
  // What the build script reads is copied.
  const script = await file('scripts/build.mjs');
  for (const [, directory = ''] of script.matchAll(/'(\w+)\/[\w/.-]+\.(?:ts|mjs)'/g))
    expect(copied).toContain(directory);
});

const work = await scratch('container');
const root = process.getuid?.() === 0;
if (!root) process.stderr.write('skipped: only root can be user 65532\n');
(root ? test : test.skip)(
  'its command, its environment and its secret, as user 65532: ready, and it writes below its volume alone',
  async () => {
    await chmod(work, 0o755);
    const volume = join(work, 'volume');
    const credentials = join(work, 'credentials');
    await mkdir(volume);
    await mkdir(credentials);
    const keystore = join(volume, 'keystore');
    const env = { CLUSTER_CA_KEY_FILE: join(work, 'key'), XDG_STATE_HOME: join(work, 'operator') };
    expectExit(await cli(['init', 'orders', '--keystore', keystore], { env }), 0);
    const key = join(credentials, 'cluster-ca.key');
    expectExit(
      await cli(['keystore', 'slot', 'add', 'serve', '--keystore', keystore, '--new-key-file', key], { env }),
      0,
    );
    // As Kubernetes mounts a Secret: root's, and the group may read.
    await chown(key, 0, 65532);
    await chmod(key, 0o440);
    for (const path of [volume, ...(await readdir(volume, { recursive: true })).map((name) => join(volume, name))])
      await chown(path, 65532, 65532);
    const given = Object.fromEntries(
      [...dockerfile.matchAll(/^(?:ENV)? *(\w+)=(\S+)(?: \\)?$/gm)].map(([, name = '', value = '']) => [
        name,
        value.replace('/var/lib/cluster-ca', volume).replace('/run/credentials', credentials),
      ]),
    );
    expect(Object.keys(given).sort()).toEqual([
      'CLUSTER_CA_KEYSTORE',
      'CREDENTIALS_DIRECTORY',
      'HOME',
      'XDG_STATE_HOME',
    ]);
    const [port, plain] = [await freePort(), await freePort()];
    const command = (JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? '[]') as string[]).map((word) =>
      word.replace('0.0.0.0:8443', `127.0.0.1:${port}`).replace('0.0.0.0:8080', `127.0.0.1:${plain}`),
    );
    const child = spawn(process.execPath, [CLUSTER_CA, ...command], {
      cwd: '/',
      env: given,
      uid: 65532,
      gid: 65532,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let told = '';
    child.stderr.on('data', (chunk) => {
      told += chunk;
    });
    for await (const chunk of child.stdout) {
      told += chunk;
      if (told.includes('"listening"')) break;
    }
    expect(told).toContain('"listening"');
    expect(await (await fetch(`http://127.0.0.1:${plain}/readyz`)).text()).toBe('ready\n');
    const open = await Promise.all(
      (await readdir(`/proc/${child.pid}/fd`)).map(async (fd) => {
        const flags = await readFile(`/proc/${child.pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
        return /^flags:\s+\d*[12]$/m.test(flags) ? readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => '') : '';
      }),
    );
    expect(
      open.filter((path) => path.startsWith('/') && !path.startsWith('/dev/') && !path.startsWith(volume)),
    ).toEqual([]);
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect((await readdir(volume)).sort()).toEqual(['keystore', 'state']);
  },
  180_000,
);
