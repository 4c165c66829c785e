import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { openssl } from '../cli/x509.ts';
import type { RunResult } from '../support/cli.ts';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-operators');

// Two people, or a person and a timer, at the same node: each run looks at the log again once the directory is its own.
describe('several rotations and deployments at once', () => {
  let node: Deployed;
  const slowly = (seconds: number): string[] => ['sh', '-c', `sleep ${seconds}; ${node.hangUp[2]}`];
  const rotate = (...args: string[]): Promise<RunResult> => node.run(['rotate', 'n1', '--deploy', ...args]);
  const newest = async (): Promise<string> =>
    (await node.ok('list', '--node', 'n1', '--status', 'valid')).json().certificates[0].fingerprint;

  /** What is served is the newest, its key is beside it, and no key waits anywhere. */
  async function expectWhole(): Promise<void> {
    const wanted = await newest();
    expect(await node.serves()).toBe(wanted);
    const half = await openssl(['pkey', '-pubout'], await node.read('key.pem'));
    expect(await openssl(['x509', '-noout', '-pubkey'], await node.read('cert.pem'))).toBe(half);
    expect([node.generations.length, node.leftovers]).toEqual([1, []]);
    expect((await node.run(['status'])).code).toBe(0);
  }

  beforeAll(async () => {
    node = await new Deployed(servers, 'operators').begin();
  });

  test('two rotations: the later certificate is not replaced by the earlier, and its key is not cleared away', async () => {
    for (const apart of [0, 300, 600, 900, 1200]) {
      await node.say(slowly(1));
      const first = rotate();
      await sleep(apart);
      const results = await Promise.all([first, rotate()]);
      for (const { code, stdout, stderr } of results)
        expect([apart, code, code === 0 ? '' : stdout + stderr]).toEqual([apart, 0, '']);
      await expectWhole();
    }
  });

  test('five at once', async () => {
    await node.say(node.hangUp);
    const results = await Promise.all(Array.from({ length: 5 }, () => rotate('--wait', '50s')));
    expect(results.map(({ code, stdout, stderr }) => (code === 0 ? '' : `${code} ${stdout}${stderr}`))).toEqual(
      Array.from({ length: 5 }, () => ''),
    );
    const made = results.map((result) => result.json().certificates[0].fingerprint);
    expect(new Set(made).size).toBe(5);
    expect(made).toContain(await newest());
    await expectWhole();
  });

  test('one that does not wait is pending, not failed; status says nothing of it once the other is done', async () => {
    await node.say(slowly(3));
    const wanted = await node.renew();
    const first = node.deploy();
    await sleep(1500);
    const second = await node.deploy('--wait', '0s');
    expect([second.code, second.service.state, second.service.error?.code]).toEqual([
      3,
      'pending',
      'ERR_KEYSTORE_BUSY',
    ]);
    expect(second.service.error?.message).toMatch(/\(process \d+\) is deploying to /);
    expect((await first).service).toMatchObject({ state: 'confirmed', served: wanted });
    await expectWhole();
  });

  test('the other is killed while one waits: its claim is taken over, and what it began is finished', async () => {
    await node.say(slowly(30));
    await node.renew();
    let kill = (): void => {};
    const first = node.run(['deploy', '--from', node.out], {
      onSpawn: (child) => {
        kill = () => child.kill('SIGKILL');
      },
    });
    while (!(await readdir(node.dir)).includes('.cluster-ca.deploying')) await sleep(20);
    await node.say(node.hangUp);
    const second = node.deploy('--wait', '30s');
    await sleep(1500);
    kill();
    expect((await first).signal).toBe('SIGKILL');
    expect((await second).code).toBe(0);
    await expectWhole();
  });

  test('a revocation meanwhile: what was revoked is not deployed', async () => {
    await node.say(slowly(3));
    await node.renew();
    const first = node.deploy();
    while (!(await readdir(node.dir)).includes('.cluster-ca.deploying')) await sleep(20);
    const second = node.deploy('--wait', '30s', 'n1');
    await sleep(700);
    await node.ok('revoke', 'n1', '--yes');
    await first;
    const refused = await second;
    expect([refused.code, refused.service.state]).toEqual([3, 'failed']);
    expect(refused.service.error?.message).toMatch(/the certificate of n1 on plane data is revoked/);
    expect(refused.service.error?.hint).toBe('cluster-ca issue n1');
    // Left out where nobody named it; and a new one is deployed.
    const all = await node.run(['deploy', '--from', node.out]);
    expect([all.code, all.json().services[0].state, all.json().warnings]).toEqual([
      0,
      'unchanged',
      [expect.stringContaining('the certificate of n1 on plane data is revoked: it is left out')],
    ]);
    const planned = await node.run(['deploy', '--from', node.out, '-n']);
    expect([planned.code, planned.json().services[0].state]).toEqual([0, 'unchanged']);
    await node.say(node.hangUp);
    await node.renew();
    expect((await node.deploy()).service.state).toBe('confirmed');
    await expectWhole();
    expect(await readFile(join(node.out, 'n1/data/cert.pem'), 'utf8')).toBe(await node.read('cert.pem'));
  });
});
