import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-reload');

describe('a reload that does not do what it should: the files of before are put back, and in use', () => {
  let node: Deployed;
  let before: string;

  beforeAll(async () => {
    node = await new Deployed(servers, 'reload').begin();
    before = await node.serves();
  });

  test.each([
    ['lies', ['true'], ', timeout: 1s', /serves the certificate [0-9a-f]{16}…, and not the one that was placed/],
    ['fails', ['sh', '-c', 'echo no such unit >&2; exit 5'], '', /sh ended with 5 on this host: no such unit/],
    ['hangs', ['sleep', '60'], ', timeout: 1s', /sleep did not end within 1 s, and was killed/],
    ['keeps its output open', ['sh', '-c', 'sleep 300 & exit 0'], ', timeout: 1s', /serves the certificate/],
  ])(
    'it %s',
    async (_, command, more, message) => {
      await node.say(command, more);
      await node.renew();
      const { code, service, error } = await node.deploy();
      expect([code, service.state, error?.code]).toEqual([3, 'failed', 'ERR_PARTIAL']);
      expect(service.error?.message).toMatch(message);
      expect(service.error?.message).toMatch(/the previous files were put back/);
      expect(service.error?.hint).toMatch(/\S/);
      expect(await node.serves()).toBe(before);
      expect(node.leftovers).toEqual([]);
      const status = await node.run(['status']);
      expect([status.code, status.json().alerts[0].name]).toEqual([4, 'node_deployment_failed']);
    },
    180_000,
  );

  test.each(['/nonexistent/reload', 'no-such-reload', '/etc/passwd'])(
    'it is not there: %s; nothing is placed',
    async (program) => {
      await node.say([program]);
      const files = await node.read('cert.pem');
      await node.renew();
      const { code, service } = await node.deploy();
      expect([code, service.state]).toEqual([3, 'failed']);
      expect(service.error?.message).toBe(`there is no ${program} on this host; nothing was placed`);
      expect([await node.serves(), await node.read('cert.pem')]).toEqual([before, files]);
      expect([node.generations.length, node.leftovers]).toEqual([1, []]);
    },
    180_000,
  );

  test('once it is mended, the next run does it, and status is quiet again', async () => {
    await node.say(node.hangUp);
    const wanted = await node.renew();
    const { code, service } = await node.deploy();
    expect([code, service.state, service.served]).toEqual([0, 'confirmed', wanted]);
    expect(await node.serves()).toBe(wanted);
    expect([node.generations.length, node.leftovers]).toEqual([1, []]);
    expect((await node.run(['status'])).code).toBe(0);
  });

  test('the files that a failed run has put back are those of before, byte for byte', async () => {
    const files = await Promise.all(['cert.pem', 'key.pem', 'ca.pem'].map((name) => node.read(name)));
    await node.say(['false']);
    await node.renew();
    expect((await node.deploy()).code).toBe(3);
    expect(await Promise.all(['cert.pem', 'key.pem', 'ca.pem'].map((name) => node.read(name)))).toEqual(files);
    await node.say(node.hangUp);
    expect((await node.deploy()).service.state).toBe('confirmed');
  });

  test('a node that is down is pending, and confirmed when it is up; then nothing is left to do', async () => {
    const wanted = await node.renew();
    await node.stop();
    const down = await node.deploy();
    expect([down.code, down.service.state]).toEqual([3, 'pending']);
    const status = await node.run(['status']);
    expect([status.code, status.json().alerts[0].name]).toEqual([4, 'node_deployment_pending']);
    await node.start();
    const up = await node.deploy();
    expect([up.code, up.service.state, up.service.served]).toEqual([0, 'confirmed', wanted]);
    expect((await node.deploy()).service.state).toBe('unchanged');
    expect((await node.run(['status'])).code).toBe(0);
  });

  test('an expired certificate that is served is no obstacle to its cure', async () => {
    await node.renew('--lifetime', '4s');
    expect((await node.deploy()).code).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const rotated = await node.run(['rotate', '--due', '--deploy', '--out', node.out]);
    expect([rotated.code, rotated.json().services[0].state]).toEqual([0, 'confirmed']);
    expect(await node.serves()).toBe(rotated.json().certificates[0].fingerprint);
  });

  test('a dry run needs no secret and changes not a byte', async () => {
    const wanted = await node.renew();
    const at = await node.serves();
    const env = { CLUSTER_CA_KEY_FILE: join(node.home, 'nonexistent') };
    for (const args of [
      ['deploy', '--from', node.out, '-n'],
      ['rotate', 'n1', '--deploy', '-n'],
    ]) {
      const result = await node.run(args, { env });
      expect([result.code, result.json().dryRun, result.json().services[0].state]).toEqual([0, true, 'pending']);
      expect(result.json().services[0].steps.length).toBeGreaterThan(2);
    }
    expect(await node.serves()).toBe(at);
    const { service } = await node.deploy();
    expect([service.state, service.served]).toEqual(['confirmed', wanted]);
  });
});
