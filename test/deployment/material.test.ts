import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { Servers, until } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-material');

describe('keys and bundles that are not what they should be', () => {
  let node: Deployed;
  let other: Deployed;
  let before: string;
  const key = (): string => join(node.out, 'n1/data/key.pem');

  beforeAll(async () => {
    node = await new Deployed(servers, 'material').begin();
    other = await new Deployed(servers, 'other').begin();
    before = await node.serves();
  });

  test.each<[string, () => Promise<unknown>]>([
    ['is absent', () => rm(key())],
    ["is another node's", () => copyFile(join(other.out, 'n1/data/key.pem'), key())],
    [
      'is of another type',
      async () => {
        const { stdout } = await run('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']);
        await writeFile(key(), stdout);
      },
    ],
    ['is empty', () => writeFile(key(), '')],
    ['is the certificate, swapped with it', async () => copyFile(join(node.out, 'n1/data/cert.pem'), key())],
  ])(
    'the key %s: nothing is placed',
    async (_, spoil) => {
      await rm(key(), { force: true });
      await node.renew();
      await spoil();
      const { code, service } = await node.deploy();
      expect([code, service.state, service.error?.code]).toEqual([3, 'failed', 'ERR_NOT_FOUND']);
      expect(service.error?.message).toMatch(/the private key of n1\/data is neither in --from nor in/);
      expect(await node.serves()).toBe(before);
      expect([node.generations.length, node.leftovers]).toEqual([1, []]);
    },
    180_000,
  );

  test('a rotation cures it', async () => {
    await rm(key(), { force: true });
    const result = await node.run(['rotate', 'n1', '--deploy']);
    expect([result.code, result.json().services[0].state]).toEqual([0, 'confirmed']);
    expect(result.json().certificates[0]).not.toHaveProperty('files');
    before = await node.serves();
    expect(before).toBe(result.json().certificates[0].fingerprint);
    expect(node.leftovers).toEqual([]);
  });

  test.each([
    ['garbage', async () => 'garbage\n'],
    ['an empty file', async () => ''],
    ["another cluster's root", () => other.read('ca.pem')],
  ])(
    '%s where the bundle should be is replaced',
    async (_, content) => {
      await rm(join(node.dir, 'ca.pem'));
      await writeFile(join(node.dir, 'ca.pem'), await content());
      const { code, service } = await node.deploy();
      expect([code, service.state, await node.serves()]).toEqual([0, 'confirmed', before]);
      expect(await node.read('ca.pem')).toBe(await readFile(join(node.out, 'clients/app/ca.pem'), 'utf8'));
    },
    180_000,
  );

  test('a server that has read garbage lets nobody in: its right certificate is not enough, and it is cured', async () => {
    const bundle = await node.read('ca.pem');
    const path = join(node.dir, await node.current(), 'ca.pem');
    await writeFile(path, await other.read('ca.pem'));
    await run('sh', node.hangUp.slice(1));
    await until('the server has read it', async () => !(await node.letsIn()));
    await writeFile(path, bundle);
    // Nothing differs on the disk.
    const { code, service } = await node.deploy();
    expect([code, service.state, await node.letsIn()]).toEqual([0, 'confirmed', true]);
    expect((await node.deploy()).service.state).toBe('unchanged');
  });

  test('two operators at once: one waits for the other, or is told who is at work', async () => {
    await node.say(['sh', '-c', `sleep 5; ${node.hangUp[2]}`]);
    const wanted = (
      await node.run(['issue', 'n1', '--plane', 'data', '--ip', '127.0.0.1', '--force-new', '--out', node.out])
    ).json().certificates[0].fingerprint;
    const [first, second] = await Promise.all([node.deploy(), node.deploy('--wait', '20s')]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect([first.service.state, second.service.state].sort()).toEqual(['confirmed', 'unchanged']);
    expect(await node.serves()).toBe(wanted);
    await node.renew();
    const [a, b] = await Promise.all([node.deploy('--wait', '3s'), node.deploy('--wait', '3s')]);
    const refused = [a, b].filter(({ code }) => code === 3);
    expect(refused).toHaveLength(1);
    expect(refused[0]?.service.error?.message).toMatch(/\(process \d+\) is deploying to .* since/);
    await node.say(node.hangUp);
    expect((await node.deploy()).code).toBe(0);
  });

  test.each([
    ['a process that is gone', () => ({ actor: 'a@b', host: '', pid: 2 ** 22 - 1, since: Date.now() })],
    ['another host, an hour ago', () => ({ actor: 'a@b', host: 'elsewhere', pid: 1, since: Date.now() - 3_600_000 })],
    ['one that was killed while it wrote', () => undefined],
  ])(
    'the claim of %s is taken over',
    async (_, claim) => {
      const { stdout } = await run('hostname', []);
      const content = claim();
      const text =
        content === undefined ? '{"act' : JSON.stringify({ ...content, host: content.host || stdout.trim() });
      await writeFile(join(node.dir, '.cluster-ca.deploying'), text);
      const wanted = await node.renew();
      const { code } = await node.deploy('--wait', '1s');
      expect([code, await node.serves(), node.leftovers]).toEqual([0, wanted, []]);
    },
    180_000,
  );

  test('the fresh claim of another host is not', async () => {
    const path = join(node.dir, '.cluster-ca.deploying');
    await writeFile(path, JSON.stringify({ actor: 'kim@elsewhere', host: 'elsewhere', pid: 7, since: Date.now() }));
    const { code, service } = await node.deploy('--wait', '1s');
    expect(code).toBe(3);
    expect(service.error?.message).toMatch(/kim@elsewhere \(process 7\) is deploying/);
    expect(service.error?.hint).toContain(path);
    await rm(path);
  });
});
