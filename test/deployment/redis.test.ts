import { chmod, copyFile, cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { Authority } from '../live/authority.ts';
import { type RunResult, run as runProgram } from '../support/cli.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { material, served } from '../support/tls.ts';
import { warmCli } from '../support/warm.ts';

const NODES = ['redis-1', 'redis-2'];
const PASSWORD = 'correct horse';
const describeLive = await describeWith('redis-server', 'redis-cli');
const servers = new Servers('deploy-redis-errors');

// What a Redis may answer, at the command line: the error names it, its hint helps, the server serves what it had.
describeLive('deploy to two Redis servers that do not do as they are told', () => {
  let ca: Authority;
  let other: Authority;
  const ports = new Map<string, number>();
  const dir = (name: string): string => join(servers.directory, 'etc', name);
  const socket = (): string => join(servers.directory, 'redis-1', 'admin.sock');
  const passwordFile = (): string => join(servers.directory, 'password');

  /** The inventory, with what is said of the first node's reload and directory. */
  const say = (reload = '{}', first = dir('redis-1')): Promise<void> => {
    const node = (name: string, at: string, how: string): string =>
      `  ${name}: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${ports.get(name)}", dir: ${at}, reload: ${how} }] }`;
    return writeFile(
      ca.inventory,
      `cluster: orders\nnodes:\n${node('redis-1', first, reload)}\n${node('redis-2', dir('redis-2'), '{}')}\nclients: { app: {} }\n`,
    );
  };
  const run = (...args: string[]): Promise<RunResult> =>
    warmCli([...args, '--inventory', ca.inventory, '--json', '--yes'], { env: ca.env });
  const deploy = async (...names: string[]): Promise<{ code: number | null; services: ServiceObject[] }> => {
    const result = await run('deploy', ...names, '--from', ca.out);
    return { code: result.code, services: (result.json() as DeployDocument).services };
  };
  const serves = async (name: string): Promise<string> =>
    served(ports.get(name) as number, await material(ca.client('app')));
  const renew = async (name: string, ...more: string[]): Promise<string> =>
    (await ca.run('issue', name, '--plane', 'data', '--ip', '127.0.0.1', '--force-new', '--out', ca.out, ...more))
      .certificates[0].fingerprint;
  const admin = (...words: string[]): Promise<string> =>
    redisCli(ca.client('app'), ports.get('redis-1') as number, ...words);

  /** It fails so, the first serves what it had, the second is not reached; and once it is mended both are done. */
  async function expectRefused(message: RegExp, hint: RegExp, mend: () => Promise<unknown>): Promise<void> {
    const before = await serves('redis-1');
    const wanted = [await renew('redis-1'), await renew('redis-2')];
    const { code, services } = await deploy();
    expect([code, services.map(({ state }) => state)]).toEqual([3, ['failed', 'pending']]);
    expect(services[0]?.error?.message).toMatch(message);
    expect(services[0]?.error?.hint).toMatch(hint);
    expect(services[1]?.error?.message).toMatch(/^not reached: the run stopped when redis-1 failed$/);
    expect(await serves('redis-1')).toBe(before);
    await mend();
    const again = await deploy();
    expect([again.code, again.services.map(({ state }) => state)]).toEqual([0, ['confirmed', 'confirmed']]);
    expect([await serves('redis-1'), await serves('redis-2')]).toEqual(wanted);
    expect((await warmCli(['status', '--json'], { env: ca.env })).code).toBe(0);
  }

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    other = await Authority.init(join(servers.directory, 'other'), 'other');
    for (const name of NODES) ports.set(name, await freePort());
    await say();
    await ca.run('issue', '--inventory', ca.inventory, '--out', ca.out);
    await other.issueInventory('cluster: other\nnodes: { redis-1: { ip: [127.0.0.1], planes: [data] } }\n');
    expect((await deploy()).code).toBe(0);
    await writeFile(passwordFile(), `${PASSWORD}\n`, { mode: 0o600 });
    for (const name of NODES)
      await startRedis(servers, {
        name,
        port: ports.get(name) as number,
        files: dir(name),
        settings: { unixsocket: join(servers.directory, name, 'admin.sock') },
      });
  });

  beforeEach(async () => {
    await say();
    const { code, services } = await deploy();
    expect([code, services.map(({ error }) => error)]).toEqual([0, [undefined, undefined]]);
  });

  test('an ACL user that may not CONFIG SET', async () => {
    await admin('ACL', 'SETUSER', 'ops', 'on', `>${PASSWORD}`, '+@all', '-config|set');
    await say(`{ user: ops, passwordFile: ${passwordFile()} }`);
    await expectRefused(
      /redis 127\.0\.0\.1:\d+ refuses CONFIG SET: NOPERM.*; nothing was placed/,
      /ACL SETUSER ops \+config\|get \+config\|set/,
      () => admin('ACL', 'SETUSER', 'ops', '+config|set'),
    );
  });

  test('a wrong password, and a password file that is not there', async () => {
    await admin('ACL', 'SETUSER', 'ops', 'on', 'resetpass', '>another', '+@all');
    await say(`{ user: ops, passwordFile: ${passwordFile()} }`);
    await expectRefused(/refuses AUTH.*: WRONGPASS/, /password is not the password of ops/, () =>
      admin('ACL', 'SETUSER', 'ops', 'resetpass', `>${PASSWORD}`),
    );
    const away = `${passwordFile()}.away`;
    await say(`{ user: ops, passwordFile: ${away} }`);
    await expectRefused(
      /the password file .*\.away is not there; nothing was placed/,
      /passwordFile is a path on this host/,
      () => copyFile(passwordFile(), away),
    );
  });

  test('a server that has other files in its configuration', async () => {
    const elsewhere = join(servers.directory, 'elsewhere');
    await cp(dir('redis-1'), elsewhere, { recursive: true, verbatimSymlinks: true });
    await say('{}', elsewhere);
    await expectRefused(
      /has tls-cert-file .*etc\/redis-1\/cert\.pem, and not .*elsewhere\/cert\.pem/,
      /CONFIG SET tls-cert-file/,
      () => say(),
    );
    await rm(elsewhere, { recursive: true });
  });

  test('a server that serves nobody, after a key of another type was set by hand: cured over its socket', async () => {
    const rsa = join(servers.directory, 'rsa');
    await mkdir(rsa, { recursive: true });
    await ca.run('issue', 'rsa-1', '--plane', 'data', '--key-type', 'rsa-2048', '--out', rsa);
    await admin(
      'CONFIG',
      'SET',
      'tls-cert-file',
      join(dir('redis-1'), 'cert.pem'),
      'tls-key-file',
      join(rsa, 'rsa-1/data/key.pem'),
    );
    await expect(serves('redis-1')).rejects.toThrow();
    // Without the socket it cannot be told, and that is what is said.
    const refused = await deploy();
    expect([refused.code, refused.services[0]?.state]).toEqual([3, 'failed']);
    await say(`{ socket: ${socket()} }`);
    const wrong = await deploy();
    // Its configuration names a key that is not ours: said, and nothing done.
    expect(wrong.services[0]?.error?.message).toMatch(/has tls-key-file .*rsa-1\/data\/key\.pem, and not/);
    const command = wrong.services[0]?.error?.hint?.match(/CONFIG SET tls-key-file \S+?(?=,)/)?.[0] ?? '';
    expect(command).toBe(`CONFIG SET tls-key-file ${join(dir('redis-1'), 'key.pem')}`);
    await runProgram('redis-cli', ['-s', socket(), ...command.split(' ')]);
    const cured = await deploy();
    expect([cured.code, cured.services.map(({ error }) => error?.message)]).toEqual([0, [undefined, undefined]]);
    expect(await serves('redis-1')).toBe(cured.services[0]?.served);
  });

  test('its files on the disk are swapped, garbage, of a key of another type: replaced, and the server never sees them', async () => {
    const at = (name: string): string => join(dir('redis-1'), name);
    const spoil: (() => Promise<unknown>)[] = [
      async () => {
        const [cert, key] = [await readFile(at('cert.pem')), await readFile(at('key.pem'))];
        for (const name of ['cert.pem', 'key.pem']) await rm(at(name));
        await writeFile(at('cert.pem'), key);
        await writeFile(at('key.pem'), cert);
      },
      async () => {
        await rm(at('key.pem'));
        await writeFile(at('key.pem'), await readFile(join(servers.directory, 'rsa/rsa-1/data/key.pem')));
      },
      async () => {
        await rm(at('key.pem'));
        await writeFile(at('key.pem'), Buffer.alloc(241));
      },
      async () => {
        await rm(at('cert.pem'));
        await writeFile(at('cert.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
      },
      async () => {
        await rm(at('ca.pem'));
        await writeFile(at('ca.pem'), '');
      },
    ];
    for (const [i, break_] of spoil.entries()) {
      await break_();
      const { code, services } = await deploy('redis-1');
      expect([i, code, services[0]?.state]).toEqual([i, 0, 'confirmed']);
      expect(await serves('redis-1')).toBe(services[0]?.served);
      for (const name of ['cert.pem', 'key.pem', 'ca.pem'])
        expect(await readFile(at(name), 'utf8')).toBe(await readFile(join(ca.node('redis-1', 'data'), name), 'utf8'));
    }
  });

  test("another cluster's root at a peer: the first is not given what it would not trust", async () => {
    const bundle = join(dir('redis-2'), 'ca.pem');
    const before = await serves('redis-1');
    await rm(bundle);
    await copyFile(join(other.node('redis-1', 'data'), 'ca.pem'), bundle);
    const wanted = await renew('redis-1');
    const { code, services } = await deploy();
    expect([code, services.map(({ state }) => state)]).toEqual([3, ['failed', 'pending']]);
    expect(services[0]?.error?.message).toMatch(
      /^redis-2 would not trust it: .*redis-2\/ca\.pem has no anchor for this CA; nothing was placed$/,
    );
    expect(services[0]?.error?.hint).toMatch(/cluster-ca export --format bundle; .* cluster-ca deploy redis-2$/);
    expect(await serves('redis-1')).toBe(before);
    // As the hint says, where it is there by mistake.
    expect((await deploy('redis-2')).code).toBe(0);
    expect(await readFile(bundle, 'utf8')).toBe(await readFile(join(ca.client('app'), 'ca.pem'), 'utf8'));
    const again = await deploy();
    expect([again.code, again.services[0]?.state, await serves('redis-1')]).toEqual([0, 'confirmed', wanted]);
  });

  test('garbage at a peer is no obstacle: it is healed in its turn', async () => {
    for (const garbage of ['garbage', '', await readFile(join(ca.client('app'), 'key.pem'), 'utf8')]) {
      const bundle = join(dir('redis-2'), 'ca.pem');
      await rm(bundle);
      await writeFile(bundle, garbage);
      await renew('redis-1');
      const { code, services } = await deploy();
      expect([code, services.map(({ state }) => state)]).toEqual([0, ['confirmed', 'confirmed']]);
      expect(await readFile(bundle, 'utf8')).toBe(await readFile(join(ca.client('app'), 'ca.pem'), 'utf8'));
    }
  });

  test("another cluster's certificate at a peer: named, with what mends it", async () => {
    const cert = join(dir('redis-2'), 'cert.pem');
    await rm(cert);
    await copyFile(join(other.node('redis-1', 'data'), 'cert.pem'), cert);
    await renew('redis-1');
    const { code, services } = await deploy();
    expect([code, services.map(({ state }) => state)]).toEqual([3, ['failed', 'pending']]);
    expect(services[0]?.error?.message).toMatch(
      /it would not trust redis-2 any more, whose certificate in .* is of another CA/,
    );
    expect(services[0]?.error?.hint).toMatch(/cluster-ca deploy redis-2/);
    expect((await deploy('redis-2')).code).toBe(0);
    expect((await deploy()).code).toBe(0);
  });

  test('a certificate for clients alone, and one that lacks a name of the inventory', async () => {
    const before = await serves('redis-1');
    await renew('redis-1', '--profile', 'client');
    const purpose = await deploy('redis-1');
    expect(purpose.services[0]?.error?.message).toMatch(
      /is server and client, and the certificate is for client alone/,
    );
    expect(purpose.services[0]?.error?.hint).toBe('cluster-ca issue redis-1 --profile peer --force-new');
    await ca.run('issue', 'redis-1', '--plane', 'data', '--force-new', '--out', ca.out);
    const names = await deploy('redis-1');
    expect(names.services[0]?.error?.message).toMatch(/lacks IP:127\.0\.0\.1, which the inventory has/);
    expect(await serves('redis-1')).toBe(before);
    await renew('redis-1');
    expect((await deploy('redis-1')).code).toBe(0);
  });

  test('keys of 0644 stay so and that is said; keyMode says otherwise', async () => {
    await chmod(join(dir('redis-1'), 'key.pem'), 0o644);
    await renew('redis-1');
    const result = await run('deploy', 'redis-1', '--from', ca.out);
    expect([result.code, result.json().warnings]).toEqual([
      0,
      [expect.stringMatching(/everybody on this host can read .*key\.pem.*keyMode/)],
    ]);
    await writeFile(
      ca.inventory,
      (await readFile(ca.inventory, 'utf8')).replaceAll('reload:', 'keyMode: "0640", reload:'),
    );
    await renew('redis-1');
    const mended = await run('deploy', 'redis-1', '--from', ca.out);
    expect([mended.code, mended.json().warnings]).toEqual([0, undefined]);
    expect((await stat(join(dir('redis-1'), 'key.pem'))).mode & 0o777).toBe(0o640);
  });
});
