import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Servers } from '../support/servers.ts';
import { Deployed } from './deployed.ts';

const servers = new Servers('deploy-inventory');

describe('what the inventory or the command line says wrongly is said before anything is done', () => {
  let node: Deployed;

  beforeAll(async () => {
    node = await new Deployed(servers, 'inventory').begin();
  });

  const refused = async (args: string[]) => {
    const { code, stdout, error } = await node.run(args);
    expect(stdout).toBe('');
    const { message, hint } = error().error;
    return { code, message, hint };
  };

  test.each([
    [
      'an unknown key of reload',
      '[{ kind: exec, plane: data, dir: /d, reload: { command: [x], comand: y } }]',
      /:3:\d+: reload\.comand: is not known to exec/,
    ],
    [
      'the reload of another kind',
      '[{ kind: files, plane: data, dir: /d, reload: { command: [x] } }]',
      /reload\.command: is not known to files/,
    ],
    ['a reload that lacks its command', '[{ kind: exec, plane: data, dir: /d, reload: { } }]', /reload.*: .*expected/i],
    [
      'a command that is no list',
      '[{ kind: exec, plane: data, dir: /d, reload: { command: "systemctl reload x" } }]',
      /reload\.command/,
    ],
    [
      'a duration that is none',
      '[{ kind: exec, plane: data, dir: /d, reload: { command: [x], timeout: soon } }]',
      /reload\.timeout: a duration such as 30s/,
    ],
    ['a relative directory', '[{ kind: files, plane: data, dir: etc/tls }]', /dir: .*absolute/],
    [
      'an address elsewhere without ssh',
      '[{ kind: files, plane: data, dir: /d, address: "192.0.2.1:1" }]',
      /not at an address of this host, and its node has no ssh/,
    ],
    ['an owner that is none', '[{ kind: files, plane: data, dir: /d, owner: "a b" }]', /owner: is USER or USER:GROUP/],
    ['a Redis without an address', '[{ kind: redis, plane: data, dir: /d }]', /redis wants an address/],
    ['an etcd without an address', '[{ kind: etcd, plane: data, dir: /d, reload: { } }]', /etcd wants an address/],
    ['an unknown kind', '[{ kind: mysql, plane: data, dir: /d }]', /kind/],
  ])('%s: 2, with line and column', async (_, services, message) => {
    await node.say(services);
    const { code, message: said } = await refused(['deploy']);
    expect([code, said]).toEqual([2, expect.stringMatching(message)]);
    expect(said).toMatch(/cluster\.yaml:\d+:\d+: /);
  });

  test('one directory for two certificates', async () => {
    await node.say(
      `[{ kind: files, plane: data, dir: ${node.dir} }] }\n  n2: { ip: [127.0.0.1], planes: [data], services: [{ kind: files, dir: ${node.dir} }]`,
    );
    const { code, message } = await refused(['deploy']);
    expect([code, message]).toEqual([
      2,
      expect.stringMatching(/:4:\d+: .* is .*'s directory too, with another certificate/),
    ]);
  });

  test.each(['/./', '/', '/../tls/'])('the same directory written with %s is the same', async (end) => {
    await node.say(
      `[{ kind: files, plane: data, dir: /d/tls }] }\n  n2: { ip: [127.0.0.1], planes: [data], services: [{ kind: files, dir: /d/tls${end} }]`,
    );
    const { code, message } = await refused(['deploy']);
    expect([code, message]).toEqual([
      2,
      expect.stringMatching(/:4:\d+: \/d\/tls is .*'s directory too, with another certificate/),
    ]);
  });

  test('two nodes that come to one directory by a link: the second is refused, each time', async () => {
    const [one, two] = [join(node.home, 'one'), join(node.home, 'two')];
    await mkdir(one);
    await symlink(one, two);
    await node.say(
      `[{ kind: files, plane: data, dir: ${one} }] }\n  n2: { ip: [127.0.0.1], planes: [data], services: [{ kind: files, dir: ${two} }]`,
    );
    await node.ok('issue', '--inventory', node.inventory, '--out', node.out);
    for (const more of [[], [], ['--max-unavailable', '2']]) {
      const { code, json } = await node.run(['deploy', '--from', node.out, ...more]);
      const { services } = json();
      const failed = services.filter(({ state }: { state: string }) => state === 'failed');
      expect([code, failed.length]).toEqual([3, 1]);
      expect(failed[0].error).toMatchObject({
        code: 'ERR_CONFIG',
        message: expect.stringMatching(/(one|two) is the same directory as .*(one|two) of n[12]$/),
      });
    }
  });

  test('--out of rotate --deploy must not be where a service reads', async () => {
    const dir = join(node.out, 'n1/data');
    await node.say(`[{ kind: files, plane: data, dir: ${dir} }]`);
    expect(await refused(['rotate', 'n1', '--deploy', '--out', node.out])).toMatchObject({
      code: 2,
      message: `--out would write into ${dir}, which a service reads`,
    });
  });

  test('a node without services is 2, an unknown one 6', async () => {
    await node.say('[]');
    expect(await refused(['deploy', 'n1'])).toMatchObject({
      code: 2,
      message: expect.stringMatching(/no services of n1/),
    });
    expect(await refused(['deploy', 'n9'])).toMatchObject({
      code: 6,
      message: expect.stringMatching(/has no node or client n9/),
    });
    expect(await refused(['rotate', 'n1', '--deploy'])).toMatchObject({
      code: 2,
      message: expect.stringMatching(/its new key would have no place/),
    });
  });

  test.each([
    [['deploy', '--max-unavailable', '0'], /--max-unavailable/],
    [['deploy', '--max-unavailable', 'all'], /--max-unavailable/],
    [['rotate', 'n1', '--max-unavailable', '2'], /--max-unavailable goes with --deploy/],
    [['rotate', 'n1', '--cycle-connections'], /--cycle-connections goes with --deploy/],
    [['rotate', 'n1', '--deploy', '--csr-dir', '.'], /exclude each other/],
    [['rotate', 'n1', '--deploy', '--out', 'x.tar'], /not an archive/],
    [['deploy', '--from', 'x.tar'], /not an archive/],
    [['rotate', 'n1', '--deploy', '--owner', 'root'], /--owner goes with --out/],
    [['rotate', 'n1', '--deploy', '--key-mode', '0640'], /--key-mode goes with --out/],
    [['deploy', 'node:Not_A_Node'], /Not_A_Node/],
  ])('%j: 2', async (args, message) => {
    await node.say(node.hangUp);
    expect(await refused(args)).toMatchObject({ code: 2, message: expect.stringMatching(message) });
  });

  test('without an inventory, and with a question that nobody can answer', async () => {
    const { code, stderr } = await node.run(['deploy', '--from', node.out], { env: { CLUSTER_CA_INVENTORY: '' } });
    expect([code, stderr]).toEqual([2, expect.stringContaining('CLUSTER_CA_INVENTORY')]);
    await node.renew();
    const { cli } = await import('../support/cli.ts');
    const asked = await cli(['deploy', '--inventory', node.inventory, '--from', node.out], {
      cwd: node.home,
      env: node.env,
    });
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect(asked.stdout).toBe('');
    expect(join(node.dir, 'cert.pem')).toContain('etc');
  });
});
