import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { DriftDocument } from '../../src/drift/drift.ts';
import type { EndpointDocument } from '../../src/inspecting/endpoint-document.ts';
import { describeWith } from '../support/debian.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { Servers } from '../support/servers.ts';
import { startEtcd } from '../support/servers-etcd.ts';
import { startHaProxy } from '../support/servers-haproxy.ts';
import { startNginx } from '../support/servers-nginx.ts';
import { startPostgres } from '../support/servers-postgres.ts';
import { redisCli, startRedis } from '../support/servers-redis.ts';
import { warmCli } from '../support/warm.ts';
import { Authority } from './authority.ts';

const INVENTORY = `
cluster: orders
defaults: { dns: ["{node}.orders.internal"] }
nodes:
  redis-1: { ip: [127.0.0.1], planes: [data] }
  web-1: { ip: [127.0.0.1], planes: [data] }
  etcd-1: { ip: [127.0.0.1], planes: [control] }
  pg-1: { ip: [127.0.0.1], planes: [data] }
  lb-1: { ip: [127.0.0.1], planes: [data] }
clients: { app: {} }
`;

const describeLive = await describeWith('redis-server', 'redis-cli', 'nginx', 'haproxy', 'etcd', 'postgres');
const servers = new Servers('verify-inventory');
const postgresPlace = await scratch('postgres');

describeLive('a cluster of Redis, nginx, HAProxy, etcd and PostgreSQL, issued, on disk and served', () => {
  let ca: Authority;
  let env: Record<string, string>;
  let crl: string;
  const files = (node: string): string => join(servers.directory, 'services', node);
  const address: Record<string, string> = {};
  const place: Record<string, string> = {};
  const plane = (node: string): 'control' | 'data' => (node === 'etcd-1' ? 'control' : 'data');
  const kinds: Record<string, string> = {
    'redis-1': 'redis',
    'web-1': 'nginx',
    'etcd-1': 'etcd',
    'pg-1': 'postgres',
    'lb-1': 'haproxy',
  };

  /** `verify --inventory` of these services with the client's certificate, or without. */
  async function look(
    nodes: string[],
    identified: boolean | 'probe' = true,
    who = ca.client('app'),
  ): Promise<DriftDocument> {
    const file = join(servers.directory, 'live.yaml');
    const services = nodes.map(
      (node) =>
        `  ${node}:\n    ip: [127.0.0.1]\n    planes: [${plane(node)}]\n    services: [{ kind: ${kinds[node]}, address: "${address[node]}", dir: ${place[node]} }]\n`,
    );
    await writeFile(file, `cluster: orders\nnodes:\n${services.join('')}`);
    const pair = ['--cert', join(who, 'cert.pem'), '--key', join(who, 'key.pem')];
    const own = identified === 'probe' ? ['--key-file', join(servers.directory, 'orders', 'key-file')] : pair;
    const result = await warmCli(['verify', '--inventory', file, '--json', ...(identified ? own : [])], { env });
    expect([0, 4]).toContain(result.code);
    expect(result.code === 4).toBe(result.json().attention);
    return result.json();
  }
  const codes = ({ findings }: DriftDocument): string[] =>
    findings
      .filter(({ severity }) => severity !== 'info')
      .map(({ node, code }) => `${node} ${code}`)
      .toSorted();

  async function inspect(...args: string[]): Promise<EndpointDocument> {
    const result = await warmCli(['inspect', ...args, '--json'], { env });
    if (result.code !== 0) throw new Error(`inspect ${args.join(' ')}: ${result.stderr}`);
    return result.json();
  }

  beforeAll(async () => {
    const directory = join(servers.directory, 'orders');
    ca = await Authority.init(directory, 'orders');
    env = { CLUSTER_CA_KEYSTORE: join(directory, 'keystore'), XDG_STATE_HOME: join(directory, 'state') };
    await ca.issueInventory(INVENTORY);
    for (const node of ['redis-1', 'web-1', 'etcd-1']) {
      await cp(ca.node(node, plane(node)), files(node), { recursive: true });
      place[node] = files(node);
    }
    crl = join(servers.directory, 'crl.pem');
    await ca.run('crl', '--out', crl);
    await cp(crl, join(files('web-1'), 'crl.pem'));
    const port = await freePort();
    await startRedis(servers, { name: 'redis-1', port, files: files('redis-1') });
    address['redis-1'] = `127.0.0.1:${port}`;
    const [nginx, etcd, postgres] = await Promise.all([
      startNginx(servers, files('web-1'), join(files('web-1'), 'crl.pem')),
      startEtcd(servers, files('etcd-1')),
      startPostgres(servers, postgresPlace, ca.node('pg-1', 'data'), { demanding: true, crl }),
    ]);
    await cp(ca.node('lb-1', 'data'), files('lb-1'), { recursive: true });
    await cp(crl, join(files('lb-1'), 'crl.pem'));
    const parts = ['cert.pem', 'key.pem'].map((name) => readFile(join(files('lb-1'), name), 'utf8'));
    await writeFile(join(files('lb-1'), 'combined.pem'), (await Promise.all(parts)).join(''));
    await rm(join(files('lb-1'), 'cert.pem'));
    await rm(join(files('lb-1'), 'key.pem'));
    const balanced = await freePort();
    await startHaProxy(servers, [
      {
        name: 'lb-1',
        port: balanced,
        pem: join(files('lb-1'), 'combined.pem'),
        anchors: join(files('lb-1'), 'ca.pem'),
        crl: join(files('lb-1'), 'crl.pem'),
        server: '127.0.0.1:9',
      },
    ]);
    address['lb-1'] = `127.0.0.1:${balanced}`;
    place['lb-1'] = files('lb-1');
    address['web-1'] = `127.0.0.1:${nginx.port}`;
    address['etcd-1'] = `127.0.0.1:${etcd.port}`;
    address['pg-1'] = `127.0.0.1:${postgres.port}`;
    place['pg-1'] = postgres.files;
  });

  const all = ['redis-1', 'web-1', 'etcd-1', 'pg-1', 'lb-1'];

  test('all as it should be', async () => {
    const seen = await look(all);
    expect(seen.findings).toEqual([]);
    for (const { issued, onDisk, served, clientCertificate } of seen.services) {
      expect([onDisk, served]).toEqual([issued, issued]);
      expect(clientCertificate).toBe('required');
    }
  });

  test('a probe made by an unlock sees the same', async () => {
    const seen = await look(all, 'probe');
    expect(seen.findings).toEqual([]);
    expect(seen.services.map(({ clientCertificate }) => clientCertificate)).toEqual(all.map(() => 'required'));
    expect(seen.probe).toMatchObject({ kind: 'probe', status: 'valid' });
  });

  test("another cluster's client is refused by all, each in its way", async () => {
    const foreign = await Authority.init(join(servers.directory, 'billing'), 'billing');
    await foreign.issueClients('app');
    const seen = await look(all, true, foreign.client('app'));
    expect(codes(seen)).toEqual(all.map((node) => `${node} client-refused`).toSorted());
    const said = (node: string): string => seen.findings.find((one) => one.node === node)?.message ?? '';
    for (const node of ['redis-1', 'pg-1', 'lb-1']) expect(said(node)).toContain('unknown_ca');
    expect(said('etcd-1')).toContain('bad_certificate');
    expect(said('web-1')).toContain('HTTP 400');
  });

  test('without a client certificate it says what it did not see', async () => {
    const seen = await look(all, false);
    expect(codes(seen)).toEqual([]);
    expect(seen.findings.map(({ node }) => node)).toEqual(expect.arrayContaining(all));
  });

  test('verify and inspect of each address', async () => {
    for (const node of all) {
      const more = node === 'pg-1' ? ['--starttls', 'postgres'] : [];
      const verified = await warmCli(['verify', address[node] ?? '', ...more, '--json'], { env });
      expect([verified.code, verified.json().valid]).toEqual([0, true]);
      const seen = await inspect(address[node] ?? '', ...more);
      expect(seen).toMatchObject({ kind: 'endpoint', verification: { valid: true } });
      expect(seen.clientCertificate).toBe(['web-1', 'pg-1'].includes(node) ? 'requested' : 'required');
      // Redis names no CAs.
      expect(seen.authorities).toEqual(node === 'redis-1' ? [] : ['CN=orders Root CA G1']);
    }
  });

  test('a PostgreSQL that demands no certificate, a Redis with a port without TLS', async () => {
    const open = await startPostgres(servers, postgresPlace, ca.node('pg-1', 'data'), { demanding: false });
    const before = { address: address['pg-1'] ?? '', place: place['pg-1'] ?? '' };
    address['pg-1'] = `127.0.0.1:${open.port}`;
    place['pg-1'] = open.files;
    const [own, port] = [files('redis-1'), Number(address['redis-1']?.split(':')[1])];
    const plain = await freePort();
    await redisCli(own, port, 'CONFIG', 'SET', 'port', String(plain));
    const seen = await look(['pg-1', 'redis-1']);
    expect(codes(seen)).toEqual(['pg-1 client-certificate-not-demanded', 'redis-1 plaintext-open']);
    expect(seen.findings.map(({ message }) => message).join()).toContain(`127.0.0.1:${plain}`);
    await redisCli(own, port, 'CONFIG', 'SET', 'port', '0');
    await open.server.stop();
    address['pg-1'] = before.address;
    place['pg-1'] = before.place;
  });

  test('after a rotation: new files without a reload are a stale process', async () => {
    await ca.rotateAll();
    expect(codes(await look(['redis-1', 'web-1']))).toEqual(['redis-1 disk-differs', 'web-1 disk-differs']);
    for (const node of ['redis-1', 'web-1', 'etcd-1'])
      await cp(ca.node(node, plane(node)), files(node), { recursive: true });
    // etcd reads its files at every handshake.
    expect(codes(await look(['redis-1', 'web-1', 'etcd-1']))).toEqual(['redis-1 stale-process', 'web-1 stale-process']);
  });

  test('a client that is revoked is refused, and the CRL on disk is behind', async () => {
    await ca.run('revoke', 'app', '--yes');
    const seen = await look(['pg-1']);
    expect(codes(seen)).toEqual(expect.arrayContaining(['pg-1 crl-outdated', 'pg-1 disk-differs']));
  });
});
