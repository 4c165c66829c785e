import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DeployDocument, ServiceObject } from '../../src/deployment/document.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { type HaProxy, startHaProxy } from '../support/servers-haproxy.ts';
import { startRedis } from '../support/servers-redis.ts';
import { ask, material, refusal, served } from '../support/tls.ts';
import { redisClient } from '../support/tls-redis-load.ts';
import { type Certificate, fingerprintOf } from './authority.ts';
import { anotherRoot, Deployer, underLoad } from './deployer.ts';

const PING = 'PING\r\n';
const PONG = '+PONG\r\n';

const describeLive = await describeWith('haproxy', 'redis-server');
const servers = new Servers('deploy-haproxy');

describeLive('deploy to HAProxy in front of a Redis under load, mutual TLS on both sides', () => {
  let ca: Deployer;
  let other: Buffer;
  let proxy: HaProxy;
  let redisPort: number;
  let port: number;
  const at = (name: string): string => join(servers.directory, name);
  const dir = (name: string): string => at(join('etc', name));
  const configuration = (): string => at('haproxy/haproxy.cfg');

  const of = (document: DeployDocument, name: string): ServiceObject | undefined =>
    document.services.find(({ node }) => node === name);
  const states = (document: DeployDocument): (string | undefined)[] =>
    ['redis-1', 'proxy-1'].map((name) => of(document, name)?.state);
  const inventory = (reload: string): string => `
cluster: orders
nodes:
  redis-1: { ip: [127.0.0.1], planes: [data], services: [{ kind: redis, address: "127.0.0.1:${redisPort}", dir: ${dir('redis-1')} }] }
  proxy-1: { ip: [127.0.0.1], planes: [data], services: [{ kind: haproxy, address: "127.0.0.1:${port}", dir: ${dir('proxy-1')}, reload: ${reload} }] }
clients:
  app: { services: [{ kind: files, dir: ${dir('app')} }] }
  leaver: { services: [{ kind: files, dir: ${dir('leaver')} }] }
`;
  const reload = (): string => `{ socket: ${at('admin')}, masterSocket: ${at('master')}, config: ${configuration()} }`;
  const worker = async (): Promise<string> =>
    readFile(at('pid'), 'utf8').then(async (master) =>
      readFile(`/proc/${master.trim()}/task/${master.trim()}/children`, 'utf8'),
    );

  async function expectServed(certificates: Certificate[]): Promise<void> {
    const client = await material(dir('app'));
    for (const [name, on] of [
      ['redis-1', redisPort],
      ['proxy-1', port],
    ] as const)
      expect([name, await served(on, client)]).toEqual([name, fingerprintOf(certificates, name, 'data')]);
  }

  async function loaded(work: (progress: () => Promise<void>) => Promise<void>): Promise<void> {
    const client = await material(dir('app'));
    const clients = ([1, 2, 3, 4] as const).map((id) =>
      redisClient(id, id < 3 ? 'lasting' : 'fresh', () => port, client),
    );
    const counted = await underLoad(clients, work);
    expect(counted.lasting?.connections).toBe(2);
    expect(counted.fresh?.connections).toBe(counted.fresh?.operations);
  }

  beforeAll(async () => {
    [redisPort, port] = [await freePort(), await freePort()];
    ca = await Deployer.init(at('orders'), 'orders');
    other = await anotherRoot(at('billing'));
    await ca.issueInventory(inventory(reload()));
  });

  test('the files are placed before anything listens: combined.pem and a CRL for every level among them', async () => {
    // Its configuration is not there yet either.
    const result = await ca.deploy();
    expect([result.code, states(result.json())]).toEqual([0, ['placed', 'placed']]);
    expect((await readdir(dir('proxy-1'))).filter((name) => !name.startsWith('.')).sort()).toEqual([
      'ca.pem',
      'cert.pem',
      'combined.pem',
      'crl.pem',
      'key.pem',
    ]);
    await startRedis(servers, { name: 'redis-1', port: redisPort, files: dir('redis-1') });
    const [pem, anchors] = [join(dir('proxy-1'), 'combined.pem'), join(dir('proxy-1'), 'ca.pem')];
    const server = `127.0.0.1:${redisPort} ssl ca-file ${anchors} verify required verifyhost redis-1.orders.internal crt ${pem}`;
    proxy = await startHaProxy(
      servers,
      [{ name: 'front', port, pem, anchors, crl: join(dir('proxy-1'), 'crl.pem'), server }],
      { socket: at('admin'), masterSocket: at('master'), pidFile: at('pid') },
    );
    expect(proxy.configuration).toBe(configuration());
    expect(await ask(port, await material(dir('app')), PING)).toBe(PONG);
  });

  test('rotate --all --deploy: set in the running worker, no reload, and no operation fails', async () => {
    let document: DeployDocument & { certificates: Certificate[] } = { services: [], waves: [], certificates: [] };
    const before = await worker();
    await loaded(async () => {
      const result = await ca.rotate();
      expect([result.code, result.stderr]).toEqual([0, '']);
      document = result.json();
    });
    expect(states(document)).toEqual(['confirmed', 'confirmed']);
    expect(await worker()).toBe(before);
    expect(of(document, 'proxy-1')?.oldConnections?.what).toMatch(/^2 sessions$/);
    await expectServed(document.certificates);
  }, 180_000);

  test('a change of the trust bundle alone is a reload: the connections of before go on with the old worker', async () => {
    await appendFile(join(dir('proxy-1'), 'ca.pem'), other);
    const before = await worker();
    await loaded(async () => {
      const result = await ca.deploy();
      expect([result.code, result.stderr]).toEqual([0, '']);
      expect(states(result.json())).toEqual(['unchanged', 'confirmed']);
      expect(of(result.json(), 'proxy-1')?.oldConnections?.what).toMatch(/connections of old workers$/);
    });
    expect(await worker()).not.toBe(before);
    expect(await readFile(join(dir('proxy-1'), 'ca.pem'), 'utf8')).not.toContain(other.toString());
  }, 180_000);

  test('revoke deploys the CRL: the client is refused from then on, and no operation of the others fails', async () => {
    const leaver = await material(dir('leaver'));
    await loaded(async (progress) => {
      expect(await ask(port, leaver, PING)).toBe(PONG);
      const result = await ca.live(['revoke', 'leaver', '--reason', 'cessationOfOperation']);
      expect([result.code, result.stderr]).toEqual([0, '']);
      for (const version of ['TLSv1.3', 'TLSv1.2'] as const)
        expect(await refusal(port, leaver, version)).toBe('ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED');
      await progress();
    });
    await ca.issueClients('leaver');
    const again = await ca.deploy();
    expect([again.code, states(again.json())]).toEqual([0, ['unchanged', 'unchanged']]);
  }, 180_000);

  test('rotations with the trust bundle changed each time, ten reloads in a row: 0 failed', async () => {
    await loaded(async () => {
      for (let round = 0; round < 10; round++) {
        await appendFile(join(dir('proxy-1'), 'ca.pem'), other);
        const result = await ca.rotate('--out', ca.out);
        expect([result.code, states(result.json())]).toEqual([0, ['confirmed', 'confirmed']]);
      }
    });
  }, 240_000);

  test('a name that it does not know, and a configuration that does not load: nothing is placed', async () => {
    const before = await readFile(join(dir('proxy-1'), 'cert.pem'), 'utf8');
    for (const [spoilt, said] of [
      [
        `{ socket: ${at('admin')}, masterSocket: ${at('master')}, certificate: site.pem }`,
        /has no certificate site\.pem; .*nothing was placed/,
      ],
      [
        `{ socket: ${at('admin')}, masterSocket: ${at('master')}, config: /nowhere.cfg }`,
        /nowhere\.cfg.*nothing was placed/,
      ],
    ] as const) {
      await writeFile(ca.inventory, inventory(spoilt));
      const result = await ca.rotate('--out', ca.out);
      expect(result.code).toBe(3);
      expect(of(result.json(), 'proxy-1')).toMatchObject({
        state: 'failed',
        error: { message: expect.stringMatching(said) },
      });
      expect(await readFile(join(dir('proxy-1'), 'cert.pem'), 'utf8')).toBe(before);
    }
    await writeFile(ca.inventory, inventory(reload()));
    expect((await ca.deploy()).code).toBe(0);
  });

  test('a reload that does nothing: the trust of before is put back, and the service is named', async () => {
    await writeFile(ca.inventory, inventory(`{ socket: ${at('admin')}, command: ["true"], timeout: 2s }`));
    await appendFile(join(dir('proxy-1'), 'ca.pem'), other);
    const result = await ca.deploy();
    expect(result.code).toBe(3);
    expect(of(result.json(), 'proxy-1')?.error?.message).toMatch(
      /has no new worker .* after its reload; the previous files were put back/,
    );
    await writeFile(ca.inventory, inventory(reload()));
    expect((await ca.deploy()).code).toBe(0);
  }, 180_000);

  test('killed at any moment, the next run makes it whole', async () => {
    await ca.killed(['redis-1', 'proxy-1'].map(dir), [0, 300, 800], async (certificates) => {
      await expectServed(certificates);
      expect(await ask(port, await material(dir('app')), PING)).toBe(PONG);
    });
  }, 240_000);

  test('verify --inventory finds nothing to say', () => ca.expectNothingFound(dir('app')));
});
