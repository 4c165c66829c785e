import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { Servers } from '../support/servers.ts';
import { type HaProxy, startHaProxy } from '../support/servers-haproxy.ts';
import { type Redis, startRedis } from '../support/servers-redis.ts';
import { ask, material, plain, refusal, served } from '../support/tls.ts';
import { Authority, type Certificate, fingerprintOf } from './authority.ts';

const INVENTORY = `
cluster: orders
nodes:
  redis-1: { ip: [127.0.0.1], planes: [data] }
  proxy-1: { ip: [127.0.0.1], planes: [data] }
clients:
  app: {}
  leaver: {}
`;
const PING = 'PING\r\n';
const PONG = '+PONG\r\n';

const describeLive = await describeWith('haproxy', 'redis-server');
const servers = new Servers('haproxy');

describeLive('HAProxy between a client and a Redis shard, mutual TLS on both sides', () => {
  let ca: Authority;
  let foreign: Authority;
  let issued: Certificate[];
  let redis: Redis;
  let proxy: HaProxy;
  let port: number;
  // Ports of the proxy that are set up wrongly on the side of Redis, each in one way.
  let misnamed: number;
  let mistrusting: number;
  let anonymous: number;
  let crl: string;

  beforeAll(async () => {
    ca = await Authority.init(join(servers.directory, 'orders'), 'orders');
    foreign = await Authority.init(join(servers.directory, 'billing'), 'billing');
    issued = await ca.issueInventory(INVENTORY);
    await foreign.issueClients('app');
    crl = join(servers.directory, 'crl.pem');
    await ca.run('crl', '--out', crl);
    await startShard();
    await startProxy();
  });

  const startShard = async (): Promise<void> => {
    const files = ca.node('redis-1', 'data');
    redis = await startRedis(servers, { name: 'redis-1', port: await freePort(), files });
  };

  const startProxy = async (): Promise<void> => {
    [port, misnamed, mistrusting, anonymous] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const files = ca.node('proxy-1', 'data');
    const pem = join(servers.directory, 'proxy-1.pem');
    await writeFile(
      pem,
      (await Promise.all(['cert.pem', 'key.pem'].map((file) => readFile(join(files, file))))).join(''),
    );
    const [own, other] = [join(files, 'ca.pem'), join(foreign.client('app'), 'ca.pem')];
    const bind = { pem, anchors: own, crl };
    const shard = (anchors: string, name: string): string =>
      `127.0.0.1:${redis.port} ssl ca-file ${anchors} verify required verifyhost ${name}.orders.internal`;
    proxy = await startHaProxy(servers, [
      { name: 'good', port, ...bind, server: `${shard(own, 'redis-1')} crt ${pem}` },
      { name: 'misnamed', port: misnamed, ...bind, server: `${shard(own, 'redis-2')} crt ${pem}` },
      { name: 'mistrusting', port: mistrusting, ...bind, server: `${shard(other, 'redis-1')} crt ${pem}` },
      { name: 'anonymous', port: anonymous, ...bind, server: shard(own, 'redis-1') },
    ]);
  };

  test('a client reaches Redis through the proxy', async () => {
    const client = await material(ca.client('app'));
    expect(await served(port, client)).toBe(fingerprintOf(issued, 'proxy-1', 'data'));
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) expect(await ask(port, client, PING, version)).toBe(PONG);
  });

  test('the proxy refuses a client without a certificate, with one of another CA, and without TLS', async () => {
    const { ca: anchors } = await material(ca.client('app'));
    expect(await refusal(port, { ca: anchors }, 'TLSv1.3')).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    expect(await refusal(port, { ca: anchors }, 'TLSv1.2')).toBe('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE');
    const stranger = { ...(await material(foreign.client('app'))), ca: anchors };
    expect(await refusal(port, stranger)).toBe('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA');
    expect(await plain(port, PING)).toEqual({ connected: true, answer: '' });
    await proxy.server.says(/good~: client: .*wrong version number/);
  });

  test('the proxy refuses a Redis with another name, and one of a CA that it does not trust', async () => {
    const client = await material(ca.client('app'));
    for (const [name, on] of [
      ['misnamed', misnamed],
      ['mistrusting', mistrusting],
    ] as const) {
      await expect(ask(on, client, PING)).rejects.toThrow();
      await proxy.server.says(new RegExp(`${name}~: .*server: .*certificate verify failed`));
    }
  });

  test('Redis refuses a proxy without a certificate', async () => {
    await expect(ask(anonymous, await material(ca.client('app')), PING)).rejects.toThrow();
    await redis.server.says('peer did not return a certificate');
  });

  test('with the current CRLs a revoked client is refused, and a good one is accepted', async () => {
    const leaver = await material(ca.client('leaver'));
    const app = await material(ca.client('app'));
    expect(await ask(port, leaver, PING)).toBe(PONG);
    await ca.run('revoke', 'leaver', '--reason', 'cessationOfOperation', '--yes');
    await ca.run('crl', '--out', crl);
    await proxy.reload();
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      expect(await refusal(port, leaver, version)).toBe('ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED');
      expect(await ask(port, app, PING, version)).toBe(PONG);
    }
  });
});
