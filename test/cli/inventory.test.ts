import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, expectSafe, fails, words } from './checks.ts';
import type { IssueDocument, ListDocument } from './documents.ts';
import { files } from './tree.ts';
import { readPair } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
let count = 0;

/** Writes a cluster.yaml of these lines. */
async function inventory(...lines: string[]): Promise<string> {
  const file = join(cluster.directory, `cluster-${++count}.yaml`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

const names = (issued: IssueDocument): string[] =>
  issued.certificates.map(({ node, plane }) => (plane ? `${node}/${plane}` : node)).sort();

const FLEET = [
  'cluster: orders',
  'defaults: { lifetime: 30d, keyType: ecdsa-p384, dns: ["{node}.fleet.orders.internal"] }',
  'nodes:',
  '  redis-1:',
  '    dns: [redis-1.orders.internal, "*.redis.orders.internal"]',
  '    ip: [127.0.0.1, 10.0.0.1]',
  '    planes: [data]',
  '    ssh: deploy@redis-1',
  '    services:',
  '      - plane: data',
  '        kind: redis',
  '        address: 127.0.0.1:7001',
  '        dir: /etc/redis/tls',
  '        owner: redis:redis',
  '        keyMode: "0640"',
  '        reload: { }',
  '  redis-2: { }',
  'clients:',
  '  app_rw: { lifetime: 10d, services: [ { kind: files, dir: /etc/app/tls } ] }',
];

describe('a fleet', () => {
  test('nodes and clients, with their own or the default names, planes, key types and lifetimes', async () => {
    const issued = await done<IssueDocument>(ca, ['issue', '--inventory', await inventory(...FLEET)]);
    expect(names(issued)).toEqual(['app_rw', 'redis-1/data', 'redis-2/control', 'redis-2/data']);
    const one = issued.certificates.find(({ node }) => node === 'redis-1');
    expect(one?.subjectAltNames.slice().sort()).toEqual([
      'DNS:*.redis.orders.internal',
      'DNS:redis-1.orders.internal',
      'IP:10.0.0.1',
      'IP:127.0.0.1',
      'URI:spiffe://orders.internal/node/redis-1/data',
    ]);
    const two = issued.certificates.find(({ node, plane }) => node === 'redis-2' && plane === 'data');
    expect(two).toMatchObject({ keyType: 'ecdsa-p384', profile: 'peer' });
    expect(two?.subjectAltNames).toContain('DNS:redis-2.fleet.orders.internal');
    const days = (found?: { notBefore: string; notAfter: string }): number =>
      (Date.parse(found?.notAfter ?? '') - Date.parse(found?.notBefore ?? '') + 1000) / 86_400_000;
    expect(days(two)).toBe(30);
    expect(days(issued.certificates.find(({ node }) => node === 'app_rw'))).toBe(10);
    for (const place of ['redis-1/data', 'redis-2/control', 'redis-2/data', 'clients/app_rw'])
      expect((await readPair(join(out, place))).matches).toBe(true);
  });

  test('again: all unchanged', async () => {
    const again = await done<IssueDocument>(ca, ['issue', '--inventory', await inventory(...FLEET)]);
    expect([again.certificates, again.unchanged.length, again.failed]).toEqual([[], 4, []]);
  });

  test('a NODE narrows it', async () => {
    const args = ['issue', 'redis-2', '--force-new', '--inventory', await inventory(...FLEET)];
    expect(names(await done<IssueDocument>(ca, args))).toEqual(['redis-2/control', 'redis-2/data']);
  });

  test('a changed name makes a new certificate of that node only', async () => {
    const lines = FLEET.map((line) => line.replace('10.0.0.1]', '10.0.0.2]'));
    const changed = await done<IssueDocument>(ca, ['issue', '--inventory', await inventory(...lines)]);
    expect(names(changed)).toEqual(['redis-1/data']);
    expect(changed.unchanged).toHaveLength(3);
  });

  test('what is revoked is left out, unless it is named', async () => {
    await done(ca, ['revoke', 'redis-2', '--yes']);
    const file = await inventory(...FLEET.map((line) => line.replace('10.0.0.1]', '10.0.0.2]')));
    const without = await done<IssueDocument>(ca, ['issue', '--inventory', file]);
    expect(names(without)).toEqual([]);
    const left = without.unchanged.filter(({ node }) => node === 'redis-2');
    expect(left.map(({ why }) => why)).toEqual(['revoked', 'revoked']);
    const named = await done<IssueDocument>(ca, ['issue', 'redis-2', '--inventory', file]);
    expect(names(named)).toEqual(['redis-2/control', 'redis-2/data']);
  });

  test('rotate takes names and key type from it', async () => {
    const lines = FLEET.map((line) => line.replace('ecdsa-p384', 'ecdsa-p256'));
    const rotated = await done<IssueDocument>(ca, ['rotate', 'redis-2', '--inventory', await inventory(...lines)]);
    expect(rotated.certificates.map(({ keyType }) => keyType)).toEqual(['ecdsa-p256', 'ecdsa-p256']);
  });

  test('CLUSTER_CA_INVENTORY is the default of --inventory', async () => {
    const env = { CLUSTER_CA_INVENTORY: await inventory('cluster: orders', 'nodes: { by-env: { planes: [data] } }') };
    expect(names(await done<IssueDocument>(ca, ['issue'], { env }))).toEqual(['by-env/data']);
  });
});

test('the names null, 1e3, 012, true and ~x are names', async () => {
  const file = await inventory(
    'cluster: orders',
    'nodes:',
    '  null: { planes: [data] }',
    '  1e3: { planes: [data] }',
    '  012: { planes: [data] }',
    '  true: { planes: [data] }',
    '  0x10: { planes: [data] }',
    'clients:',
    '  1.50: { }',
    '  no: { }',
  );
  const issued = await done<IssueDocument>(ca, ['issue', '--inventory', file]);
  const nodes = ['012', '0x10', '1e3', 'null', 'true'];
  expect(names(issued)).toEqual(['1.50', ...nodes.map((node) => `${node}/data`), 'no'].sort());
  for (const node of nodes) {
    const pair = await readPair(join(out, node, 'data'));
    expect([pair.certificate.subject, pair.matches]).toEqual([`CN=${node}`, true]);
  }
  for (const node of ['null', '1e3', '012'])
    expect((await done<ListDocument>(ca, ['list', '--node', node])).certificates).toHaveLength(1);
});

test('and so is a cluster called 1e3', async () => {
  const file = await inventory('cluster: 1e3', 'nodes: { }');
  expect(words(await fails(ca, ['issue', '--inventory', file], 2))).toContain('1e3');
});

describe('what is wrong: 2, with line and column, before anything is issued', () => {
  const bomb = [
    'cluster: orders',
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((name, i) => {
      const last = String.fromCharCode('a'.charCodeAt(0) + i);
      return `${name}: &${name} [${Array(9).fill(`*${last}`).join(', ')}]`;
    }),
    'nodes: { bomb-1: { dns: *i } }',
  ];

  test.each([
    ['an unknown key', ['cluster: orders', 'nodes:', '  bad-1:', '    dsn: [a.orders.internal]'], 4],
    ['an unknown key at the top', ['cluster: orders', 'node: { bad-1: {} }'], 2],
    [
      'an unknown key of a service',
      [
        ...['cluster: orders', 'nodes:', '  bad-1:', '    services:', '      - plane: data', '        kind: redis'],
        ...['        address: 127.0.0.1:7001', '        dir: /etc/redis/tls', '        ownr: redis:redis'],
      ],
      9,
    ],
    ['a duplicate node', ['cluster: orders', 'nodes:', '  bad-1: { }', '  bad-2: { }', '  bad-1: { }'], 5],
    ['a tab', ['cluster: orders', 'nodes:', '\tbad-1: { }'], 3],
    ['an alias that explodes', bomb, undefined],
    ['another cluster’s', ['cluster: payments', 'nodes: { bad-1: { } }'], 1],
    ['no cluster', ['nodes: { bad-1: { } }'], undefined],
    ['a list for nodes', ['cluster: orders', 'nodes: [bad-1]'], 2],
    ['a string for dns', ['cluster: orders', 'nodes:', '  bad-1:', '    dns: a.orders.internal'], 4],
    ['an illegal node', ['cluster: orders', 'nodes:', '  Bad_1: { }'], 3],
    ['a node called clients', ['cluster: orders', 'nodes:', '  clients: { }'], 3],
    ['a plane the cluster has not', ['cluster: orders', 'nodes:', '  bad-1:', '    planes: [backup]'], 4],
    ['a bad duration', ['cluster: orders', 'defaults: { lifetime: 90 }', 'nodes: { bad-1: { } }'], 2],
    ['a bad key type', ['cluster: orders', 'defaults:', '  keyType: dsa', 'nodes: { bad-1: { } }'], 3],
    ['a bad address', ['cluster: orders', 'nodes:', '  bad-1:', '    ip:', '      - 10.0.0.256'], 5],
    [
      'another placeholder',
      ['cluster: orders', 'defaults:', '  dns: ["{host}.orders.internal"]', 'nodes: { bad-1: { } }'],
      3,
    ],
    [
      'an unknown kind',
      ['cluster: orders', 'nodes:', '  bad-1:', '    services:', '      - { plane: data, kind: mysql, dir: /x }'],
      5,
    ],
    ['an illegal client', ['cluster: orders', 'clients:', '  "a/b": { }'], 3],
    ['YAML that does not parse', ['cluster: orders', 'nodes: { bad-1: {'], undefined],
    ['two documents', ['cluster: orders', 'nodes: { bad-1: { } }', '---', 'cluster: orders'], undefined],
    ['a tag', ['cluster: orders', 'nodes: !!js/function { bad-1: { } }'], 2],
  ])('%s', async (_, lines, line) => {
    const file = await inventory(...lines);
    const error = await fails(ca, ['issue', '--inventory', file], 'ERR_CONFIG');
    const said = words(error);
    expect(said).toContain(file);
    const place = /:(\d+):(\d+)\b|line (\d+),? column (\d+)/.exec(said);
    expect([said, place !== null]).toEqual([said, true]);
    if (line !== undefined) expect(Number(place?.[1] ?? place?.[3])).toBe(line);
  });

  test('in text as well, and safe on a terminal', async () => {
    const file = await inventory('cluster: orders', 'nodes:', '  bad-1:', '    "d\\u001b[31msn": [a]');
    const result = await ca(['issue', '--inventory', file]);
    expectExit(result, 2);
    expectSafe(result.stderr);
    expect(result.stderr).toMatch(/:4:\d+|line 4/);
  });

  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['only a comment', '# nothing\n'],
    ['not UTF-8', Buffer.from([0xff, 0xfe, 0x00])],
  ])('a file that is %s', async (_, content) => {
    const file = join(cluster.directory, `cluster-${++count}.yaml`);
    if (content !== undefined) await writeFile(file, content);
    expect(words(await fails(ca, ['issue', '--inventory', file], 2))).toContain(file);
  });

  test('names outside the constraints: 5, with line and column', async () => {
    for (const value of ['dns: [a.orders.internal, bad.evil.example]', 'ip: [8.8.8.8]']) {
      const file = await inventory('cluster: orders', 'nodes:', '  bad-0: { }', '  bad-1:', `    ${value}`);
      const said = words(await fails(ca, ['issue', '--inventory', file], 5));
      expect(said).toMatch(/:5:\d+|line 5,? column/);
      expect(said).toMatch(/bad\.evil\.example|8\.8\.8\.8/);
    }
  });

  afterAll(async () => {
    const { certificates } = await done<ListDocument>(ca, ['list', '--all']);
    expect(certificates.filter(({ node }) => node.startsWith('bad-') || node.startsWith('bomb-'))).toEqual([]);
    expect((await files(out)).filter((name) => name.startsWith('bad-'))).toEqual([]);
  });
});

test('--inventory-schema prints the JSON Schema, without a keystore', async () => {
  const result = await ca(['issue', '--inventory-schema'], { env: { CLUSTER_CA_KEYSTORE: '/nonexistent' } });
  expectExit(result, 0);
  const schema = result.json();
  expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
  expect(Object.keys(schema.properties).sort()).toEqual(['alerts', 'clients', 'cluster', 'defaults', 'nodes']);
});
