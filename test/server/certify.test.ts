import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';
import { type Answer, Daemon, materialOf } from './daemon.ts';

const work = await scratch('certify');
const inventory = join(work, 'cluster.yaml');
const daemon = await Daemon.make('orders', ['--inventory', inventory]);
let n1: Required<Material>;
let operator: Required<Material>;
let made = 0;

/** A key and a request for it, by openssl. */
async function request(...args: string[]): Promise<{ csr: string; key: string }> {
  const name = join(work, `r${++made}`);
  const own = args.includes('-newkey') ? [] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const options = [...own, '-nodes', '-keyout', `${name}.key`, '-out', name];
  const { code, stderr } = await run('openssl', ['req', '-new', '-subj', '/CN=anything', ...options, ...args]);
  if (code !== 0) throw new Error(stderr);
  return { csr: await readFile(name, 'utf8'), key: await readFile(`${name}.key`, 'utf8') };
}

const ask = (of: Material, node: string, body: object): Promise<Answer> =>
  daemon.call(of, `/v1/nodes/${node}/certificates`, { method: 'POST', body });

beforeAll(async () => {
  await writeFile(inventory, 'cluster: orders\nnodes: { n5: { planes: [control, data] } }\n');
  n1 = await daemon.node('n1');
  operator = await daemon.person('ann', '--role', 'operator');
  await daemon.start();
});

test('a request in, a chain out: for the key of the request, with the names that the node has, in the log', async () => {
  const { csr, key } = await request();
  const answer = await ask(n1, 'n1', { csr });
  const { certificate, chain, trustBundle } = answer.json();
  expect([answer.status, answer.text.includes('PRIVATE')]).toEqual([201, false]);
  const [leaf = '', issuing = ''] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  const x509 = new X509Certificate(leaf);
  expect(x509.publicKey.equals(createPublicKey(createPrivateKey(key)))).toBe(true);
  expect(x509.subjectAltName).toBe('DNS:n1.orders.internal, URI:spiffe://orders.internal/node/n1/data');
  expect(x509.checkIssued(new X509Certificate(issuing))).toBe(true);
  expect(trustBundle).toBe(n1.ca.toString());
  const listed = (await daemon.ca.run('list', '--node', 'n1', '--plane', 'data')).certificates;
  expect(listed).toEqual([certificate]);
  // The same again is the same; and who has the new one may go on.
  const again = await ask({ ca: n1.ca, cert: Buffer.from(chain), key: Buffer.from(key) }, 'n1', { csr });
  expect([again.status, again.json().certificate]).toEqual([200, certificate]);
});

test('another plane of the same node', async () => {
  const { csr } = await request();
  const { status, json } = await ask(n1, 'n1', { csr, plane: 'control' });
  expect([status, json().certificate.plane]).toEqual([201, 'control']);
  expect((await ask(n1, 'n1', { csr, plane: 'other' })).status).toBe(404);
});

test('a plane that the inventory has and the node has not: its first certificate is not for it to ask for', async () => {
  await daemon.ca.run('issue', 'n5', '--plane', 'data', '--out', daemon.ca.out);
  const n5 = await materialOf(daemon.ca.node('n5', 'data'));
  const { csr } = await request();
  const refused = await ask(n5, 'n5', { csr, plane: 'control' });
  expect([refused.status, refused.json()]).toMatchObject([
    404,
    { code: 'ERR_NOT_FOUND', hint: expect.stringContaining('cluster-ca join-token n5 --plane control') },
  ]);
  expect((await ask(n5, 'n5', { csr, plane: 'data' })).status).toBe(201);
});

test('many at once share records: one reserve and one issue for all that came meanwhile', async () => {
  const nodes = Array.from({ length: 12 }, (_, i) => `m${i}`);
  await daemon.ca.run('issue', ...nodes, '--plane', 'data', '--out', daemon.ca.out);
  const asked = await Promise.all(
    nodes.map(async (node) => {
      const directory = daemon.ca.node(node, 'data');
      const [ca, cert, key] = await Promise.all(
        ['ca', 'cert', 'key'].map((file) => readFile(join(directory, `${file}.pem`))),
      );
      return { node, of: { ca, cert, key } as Material, csr: (await request()).csr };
    }),
  );
  const before = (await daemon.ca.run('audit', 'verify')).records;
  const answers = await Promise.all(asked.map(({ node, of, csr }) => ask(of, node, { csr })));
  expect(answers.map(({ status }) => status)).toEqual(nodes.map(() => 201));
  const serials = new Set(answers.map((answer) => answer.json().certificate.serial));
  expect(serials.size).toBe(nodes.length);
  // A batch of its own for each would be two records a certificate.
  expect((await daemon.ca.run('audit', 'verify')).records - before).toBeLessThan(2 * nodes.length);
  expect((await daemon.ca.run('keystore', 'check')).valid).toBe(true);
});

describe('refused, with nothing issued', () => {
  test.each<[string, number, () => Promise<object>]>([
    ['what is no request', 400, async () => ({ csr: 'none' })],
    ['a broken PEM', 400, async () => ({ csr: (await request()).csr.replace(/\n/, '\nAAAA') })],
    ['two requests', 400, async () => ({ csr: (await request()).csr + (await request()).csr })],
    ['a name that it has not', 422, async () => await request('-addext', 'subjectAltName=DNS:n2.orders.internal')],
    ['an address that it has not', 422, async () => await request('-addext', 'subjectAltName=IP:127.0.0.1')],
    [
      'another identity',
      422,
      async () => await request('-addext', 'subjectAltName=URI:spiffe://orders.internal/role/operator/n1'),
    ],
    ['to be a CA', 422, async () => await request('-addext', 'basicConstraints=critical,CA:TRUE')],
    ['a weak key', 422, async () => await request('-newkey', 'rsa:1024')],
    ['an unknown member', 400, async () => ({ ...(await request()), role: 'operator' })],
    ['a plane that is none', 400, async () => ({ csr: (await request()).csr, plane: '../control' })],
  ])('%s', async (_, status, body) => {
    const { key: __, ...asked } = (await body()) as { key?: string };
    const before = (await daemon.ca.run('audit', 'verify')).records;
    const answer = await ask(n1, 'n1', asked);
    expect([answer.status, answer.json().status]).toEqual([status, status]);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect((await daemon.ca.run('audit', 'verify')).records).toBe(before);
  });

  test('a request whose signature is broken', async () => {
    const { csr } = await request();
    const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64');
    der[der.length - 1] = (der.at(-1) as number) ^ 1;
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    expect((await ask(n1, 'n1', { csr: pem })).status).toBe(422);
  });

  test.each(['n1%2f..%2fn2', '..', '%2e%2e', 'n1%00', 'N1', 'n1.', 'n%C4%B1', '%E2%80%AEn1', 'clients', 'n1%0d%0aX'])(
    'tricks in the name: %s',
    async (name) => {
      const { csr } = await request();
      const { status } = await ask(n1, name, { csr });
      expect([400, 403, 404]).toContain(status);
    },
  );

  test('an operator is no node', async () => {
    expect((await ask(operator, 'n1', await request())).status).toBe(403);
  });

  test('a body over 64 KiB, and one that is not JSON', async () => {
    expect((await ask(n1, 'n1', { csr: 'x'.repeat(70_000) })).status).toBe(413);
    const send = (body: string, type: string) =>
      daemon.call(n1, '/v1/nodes/n1/certificates', { method: 'POST', body, headers: { 'Content-Type': type } });
    expect((await send('{', 'application/json')).status).toBe(400);
    expect((await send('csr', 'text/plain')).status).toBe(415);
    expect((await send('{"__proto__":{"csr":"x"}}', 'application/json')).status).toBe(400);
  });

  test('a node that was revoked meanwhile', async () => {
    const n9 = await daemon.node('n9');
    const { csr } = await request();
    expect((await ask(n9, 'n9', { csr })).status).toBe(201);
    await daemon.ca.run('revoke', 'n9', '--yes');
    expect((await ask(n9, 'n9', await request())).status).toBe(403);
  });
});
