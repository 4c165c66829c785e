import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkKeyAccess } from '../../src/deployment/key-access.ts';
import { ServiceDirectory } from '../../src/deployment/service-directory.ts';
import type { Task } from '../../src/deployment/task.ts';
import { LocalHost } from '../../src/hosts/local-host.ts';
import { listenerOf } from '../../src/hosts/users.ts';
import { scratch } from '../support/scratch.ts';

const home = await scratch('key-access');
const NOBODY = 65_534;
const host = new LocalHost();
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
if (!isRoot) console.warn('skipped: only root can start a server as another user (Linux)');
const describeRoot = isRoot ? describe : describe.skip;
const LISTEN = "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";

describeRoot('whether the user of a server that runs may read the key that is to be placed', () => {
  const server = spawn(process.execPath, ['-e', LISTEN], {
    uid: NOBODY,
    gid: NOBODY,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let port: number;

  beforeAll(async () => {
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    port = Number(line.toString());
  });
  afterAll(() => {
    server.kill('SIGKILL');
  });

  /** A service of that user, as far as the check looks at it. */
  function task(kind: string, said: { owner?: string; keyMode?: string }, state = 'serves'): Task {
    const service = { kind, address: `127.0.0.1:${port}`, label: `${kind} here`, where: 'cluster.yaml:7:9', ...said };
    const deployable = { service };
    const directory = new ServiceDirectory(host, home);
    return {
      unit: { services: [deployable], dir: home },
      directory,
      opened: [{ deployable, served: { state } }],
    } as unknown as Task;
  }

  test('the system says whose it is', async () => {
    expect(await listenerOf(host, port)).toBe(NOBODY);
    expect(await listenerOf(host, 1)).toBeUndefined();
  });

  test.each([
    [{ owner: 'root' }, `it would be 0600 of 0:0`],
    [{ owner: 'root:nogroup' }, `it would be 0600 of 0:${NOBODY}`],
    [{ owner: '0:0', keyMode: '0640' }, 'it would be 0640 of 0:0'],
  ])('%j: refused', async (said, why) => {
    expect(await checkKeyAccess(task('redis', said))).toEqual([
      {
        message: `redis here runs as user ${NOBODY}, which could not read the key: ${why}`,
        hint: expect.stringMatching(/^say it at cluster\.yaml:7:9: owner: 65534; /),
      },
    ]);
  });

  test.each([[{ owner: 'nobody' }], [{ owner: 'root:nogroup', keyMode: '0640' }], [{ owner: 'no-such-user' }]])(
    '%j: nothing to say',
    async (said) => {
      expect(await checkKeyAccess(task('etcd', said))).toEqual([]);
    },
  );

  test('nothing is said of what is down, and of what a command reloads', async () => {
    expect(await checkKeyAccess(task('redis', { owner: 'root' }, 'down'))).toEqual([]);
    expect(await checkKeyAccess(task('exec', { owner: 'root' }))).toEqual([]);
  });

  test('without an owner in the inventory, those of the key that is there', async () => {
    const dir = join(home, 'own');
    await mkdir(dir);
    const key = join(dir, 'key.pem');
    await writeFile(key, '');
    const own = { ...task('nginx', {}), directory: new ServiceDirectory(host, dir) } as Task;
    await chmod(key, 0o600);
    expect(await checkKeyAccess(own)).toHaveLength(1);
    await chown(key, NOBODY, NOBODY);
    expect(await checkKeyAccess(own)).toEqual([]);
  });
});
