import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { type Cluster, newCluster } from '../support/clusters.ts';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-directory');
const NAMES = ['cert.pem', 'key.pem', 'ca.pem'];
/** Everything of it is run as another user, which takes root. */
const uid = 54321;
const foreign = process.getuid?.() === 0 ? await newCluster({ uid }) : undefined;

/** Mounts a small file system at a new directory; undefined where that is not permitted. */
async function mounted(options: string): Promise<string | undefined> {
  const at = await mkdtemp(join(tmpdir(), 'cluster-ca-mount-'));
  const { code } = await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at]).catch(() => ({ code: 1 }));
  if (code !== 0) return undefined;
  mounts.push(at);
  return at;
}
const mounts: string[] = [];
const mayMount = await (async () => {
  const at = await mounted('size=64k');
  return at !== undefined;
})();
const withMounts = mayMount ? test : test.skip;
if (!mayMount) console.warn('skipped: no tmpfs can be mounted here');

afterAll(async () => {
  for (const at of mounts) {
    await run('umount', ['-l', at]);
    await rm(at, { recursive: true });
  }
});

describe('the directory of a service', () => {
  let node: Deployed;
  const service = (dir: string): string => `[{ kind: files, plane: data, dir: "${dir}" }]`;

  beforeAll(async () => {
    node = await new Deployed(servers, 'directory').begin();
  });

  test('plain files of before are taken over: whoever reads them all the while reads a whole pair', async () => {
    const dir = join(node.home, 'plain');
    await mkdir(dir);
    for (const name of NAMES) await writeFile(join(dir, name), await readFile(join(node.out, 'n1/data', name)));
    await node.say(service(dir));
    await node.renew();
    let reads = 0;
    let done = false;
    const missing: unknown[] = [];
    const reader = (async () => {
      while (!done) {
        for (const name of NAMES) await readFile(join(dir, name)).catch((error: unknown) => missing.push(error));
        reads++;
      }
    })();
    const { code, service: placed } = await node.deploy();
    done = true;
    await reader;
    expect([code, placed.state, missing]).toEqual([0, 'placed', []]);
    expect(reads).toBeGreaterThan(10);
    for (const name of NAMES)
      expect(await readFile(join(dir, name), 'utf8')).toBe(await readFile(join(node.out, 'n1/data', name), 'utf8'));
  });

  test('a symbolic link to a directory, on another file system, is followed', async () => {
    const fileSystem = async (path: string): Promise<number> => (await stat(path)).dev;
    const here = await fileSystem(node.home);
    const other = await mkdtemp(
      join((await fileSystem('/dev/shm')) === here ? '/tmp' : '/dev/shm', 'cluster-ca-test-'),
    );
    try {
      expect(await fileSystem(other)).not.toBe(here);
      const dir = join(node.home, 'linked');
      await symlink(other, dir);
      await node.say(service(dir));
      const first = await node.deploy();
      const wanted = await node.renew();
      const second = await node.deploy();
      expect([first.service.state, second.service.state]).toEqual(['placed', 'placed']);
      const { stdout } = await run('openssl', [
        'x509',
        '-in',
        join(other, 'cert.pem'),
        '-noout',
        '-fingerprint',
        '-sha256',
      ]);
      expect(stdout.split('=')[1]?.trim().replaceAll(':', '').toLowerCase()).toBe(wanted);
    } finally {
      await rm(other, { recursive: true });
    }
  });

  test("links of the operator's own are read through, and replaced", async () => {
    const dir = join(node.home, 'own-links');
    const real = join(node.home, 'real');
    await mkdir(dir);
    await mkdir(real);
    for (const name of NAMES) {
      await writeFile(join(real, name), await readFile(join(node.out, 'n1/data', name)));
      await symlink(join(real, name), join(dir, name));
    }
    const kept = await readFile(join(real, 'cert.pem'));
    await node.say(service(dir));
    await node.renew();
    expect((await node.deploy()).service.state).toBe('placed');
    expect(await readFile(join(dir, 'cert.pem'), 'utf8')).toBe(
      await readFile(join(node.out, 'n1/data/cert.pem'), 'utf8'),
    );
    expect(await readFile(join(real, 'cert.pem'))).toEqual(kept);
  });

  test.each([
    ['a file where the directory should be', async (dir: string) => writeFile(dir, 'x'), /a file is in its place/],
    [
      'a directory where a file should be',
      async (dir: string) => mkdir(join(dir, 'key.pem'), { recursive: true }),
      /key\.pem/,
    ],
  ])(
    '%s: an error that names it, and nothing is placed',
    async (name, make, message) => {
      const dir = join(node.home, name.replaceAll(' ', '-'));
      await make(dir);
      await node.say(service(dir));
      const { code, service: failed } = await node.deploy();
      expect([code, failed.state]).toEqual([3, 'failed']);
      expect(failed.error?.message).toMatch(message);
      expect(failed.error?.message).toContain(dir);
    },
    180_000,
  );

  withMounts(
    'a full file system: nothing is half-written, and the next run does it',
    async () => {
      const at = (await mounted('size=64k')) as string;
      const dir = join(at, 'tls');
      await node.say(service(dir));
      expect((await node.deploy()).service.state).toBe('placed');
      const before = await readFile(join(dir, 'cert.pem'));
      await run('sh', ['-c', `cat /dev/zero >${join(at, 'filler')} 2>/dev/null; true`]);
      await node.renew();
      const full = await node.deploy();
      expect([full.code, full.service.state, full.service.error?.code]).toEqual([3, 'failed', 'ERR_STORAGE']);
      expect(full.service.error?.message).toMatch(/no space left on the device/);
      // Not even the claim, which could not be written either.
      expect((await readdir(dir)).filter((name) => name.includes('deploying'))).toEqual([]);
      expect(await readFile(join(dir, 'cert.pem'))).toEqual(before);
      await rm(join(at, 'filler'));
      expect((await node.deploy()).service.state).toBe('placed');
      expect(await readFile(join(dir, 'cert.pem'), 'utf8')).toBe(
        await readFile(join(node.out, 'n1/data/cert.pem'), 'utf8'),
      );
    },
    180_000,
  );

  withMounts(
    'a read-only file system: said so, and nothing is touched',
    async () => {
      const at = (await mounted('size=256k')) as string;
      const dir = join(at, 'tls');
      await node.say(service(dir));
      expect((await node.deploy()).service.state).toBe('placed');
      const before = await readFile(join(dir, 'cert.pem'));
      expect((await run('mount', ['-o', 'remount,ro', at])).code).toBe(0);
      await node.renew();
      const { service: failed } = await node.deploy();
      expect([failed.state, failed.error?.code]).toEqual(['failed', 'ERR_STORAGE']);
      expect(failed.error?.message).toMatch(/read-only/);
      expect(await readFile(join(dir, 'cert.pem'))).toEqual(before);
    },
    180_000,
  );

  (foreign === undefined ? test.skip : test)(
    "another user's files: said which, and nothing is touched",
    async () => {
      const ca = foreign as Cluster;
      const dir = join(ca.directory, 'tls');
      await chmod(ca.directory, 0o711);
      await mkdir(dir);
      await writeFile(join(dir, 'key.pem'), 'root has it', { mode: 0o600 });
      const inventory = join(ca.directory, 'cluster.yaml');
      await writeFile(
        inventory,
        `cluster: ${ca.name}\nnodes: { n1: { planes: [data], services: [{ kind: files, dir: ${dir} }] } }\n`,
      );
      expect((await ca.ca(['issue', '--inventory', inventory])).code).toBe(0);
      const deploy = async () => {
        const result = await ca.ca(['deploy', '--inventory', inventory, '--yes', '--json']);
        return { code: result.code, error: result.json().services[0].error };
      };
      // The directory is another's; then the file in it.
      expect(await deploy()).toMatchObject({
        code: 3,
        error: { code: 'ERR_STORAGE', message: expect.stringMatching(/\.cluster-ca\.deploying: permission denied/) },
      });
      await chown(dir, uid, uid);
      expect(await deploy()).toMatchObject({
        code: 3,
        error: { code: 'ERR_STORAGE', message: `cannot read ${join(dir, 'key.pem')}: permission denied` },
      });
      expect(await readdir(dir)).toEqual(['key.pem']);
      await rm(join(dir, 'key.pem'));
      expect((await deploy()).code).toBe(0);
      // An owner that only root can give.
      await writeFile(
        inventory,
        (await readFile(inventory, 'utf8')).replace('kind: files', 'kind: files, owner: "1:1"'),
      );
      expect((await ca.ca(['issue', 'n1', '--plane', 'data', '--force-new'])).code).toBe(0);
      expect(await deploy()).toMatchObject({
        code: 3,
        error: { code: 'ERR_STORAGE', message: expect.stringMatching(/operation not permitted/) },
      });
      expect((await readdir(dir)).filter((name) => name.startsWith('.cluster-ca.2'))).toHaveLength(1);
    },
    180_000,
  );

  test('a server is given what it had when its directory was moved away meanwhile', async () => {
    await node.say(node.hangUp);
    await rename(node.dir, `${node.dir}.away`);
    const { code, service: confirmed } = await node.deploy();
    expect([code, confirmed.state]).toEqual([0, 'confirmed']);
    expect(await node.serves()).toBe(confirmed.served);
  });
});
