import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { decodeToken, encodeToken } from '../../src/joining/token.ts';
import { AgentProcess } from '../agent/agent-process.ts';
import { Authority } from '../live/authority.ts';
import { type RunResult, run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { warmCli } from '../support/warm.ts';
import { type Answer, Daemon } from './daemon.ts';

// How a new node joins: the token, the first contact, and what is refused.

const daemon = await Daemon.make('orders');
const other = await Daemon.make('orders');
const work = await scratch('enroll');
let ca: Buffer;
let made = 0;

async function tokenFor(node: string, ...flags: string[]): Promise<string> {
  return (await daemon.ca.run('join-token', node, ...flags)).token;
}

async function tokenFile(token: string): Promise<string> {
  const file = join(work, `token-${++made}`);
  await writeFile(file, `${token}\n`, { mode: 0o600 });
  return file;
}

async function enroll(token: string, out: string, port = daemon.port, host = 'localhost'): Promise<RunResult> {
  const server = `https://${host}:${port}`;
  return warmCli(['enroll', '--server', server, '--token-file', await tokenFile(token), '--out', out, '--json']);
}

async function request(): Promise<string> {
  const name = join(work, `r${++made}`);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', '-new', '-subj', '/CN=x', ...curve, '-keyout', `${name}.key`, '-out', name]);
  return readFile(name, 'utf8');
}

const ask = (body: object): Promise<Answer> => daemon.call({ ca }, '/v1/enroll', { method: 'POST', body });
/** Records in the log, without those that the daemon makes of what it hears and tells. */
async function records(): Promise<number> {
  const log = join(daemon.ca.env.CLUSTER_CA_KEYSTORE as string, 'log/0');
  const texts = await Promise.all((await readdir(log)).map((name) => readFile(join(log, name), 'utf8')));
  return texts.filter((text) => !/"op":"(alerts|agents)"/.test(text)).length;
}

beforeAll(async () => {
  await daemon.person('ann', '--role', 'operator');
  ca = await readFile(join(daemon.ca.client('ann'), 'ca.pem'));
  await daemon.start();
});

describe('join-token', () => {
  test('--end: what was made and not used is good for nothing any more, of this node alone', async () => {
    const [lost, other] = [await tokenFor('lost-1'), await tokenFor('lost-2')];
    expect(await daemon.ca.run('join-token', 'lost-1', '--end', '--dry-run')).toMatchObject({ ended: 1, dryRun: true });
    expect(await daemon.ca.run('join-token', 'lost-1', '--end')).toMatchObject({ node: 'lost-1', ended: 1 });
    expect(await daemon.ca.run('join-token', 'lost-1', '--end')).toMatchObject({ ended: 0 });
    const refused = await enroll(lost, join(work, 'lost-1'));
    expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining('it is not known, or has ended')]);
    expect((await enroll(other, join(work, 'lost-2'))).code).toBe(0);
    await expect(daemon.ca.run('join-token', 'lost-1', '--end', '--ttl', '1m')).rejects.toThrow(/exit 2/);
  });

  test('pins the roots; only its hash is in the log; --out is for the owner alone', async () => {
    const token = await tokenFor('t1', '--ttl', '10m');
    const content = decodeToken(token);
    const root = new X509Certificate(ca).publicKey.export({ format: 'der', type: 'spki' });
    expect(content.roots).toEqual([createHash('sha256').update(root).digest('hex')]);
    expect([content.node, content.planes]).toEqual(['t1', ['control', 'data']]);
    const { stdout } = await warmCli(['audit', 'export', '--format', 'ndjson'], { env: daemon.ca.env });
    expect(stdout).toContain('"op":"join-token"');
    expect(stdout).not.toContain(content.secret);
    expect(stdout).not.toContain(token);
    const out = join(work, 'out.token');
    const { files, token: none } = await daemon.ca.run('join-token', 't1', '--out', out);
    expect([files, none, statSync(out).mode & 0o777]).toEqual([[out], undefined, 0o600]);
  });

  test.each([
    [['n1', '--ttl', '2h'], 5, 'ERR_POLICY'],
    [['N1'], 2, 'ERR_USAGE'],
    [['clients'], 2, 'ERR_USAGE'],
    [['n1', '--plane', 'other'], 2, 'ERR_USAGE'],
  ])('%j', async (args, code, error) => {
    const before = await records();
    const result = await warmCli(['join-token', ...args, '--json'], { env: daemon.ca.env });
    expect([result.code, result.error().error.code]).toEqual([code, error]);
    expect(await records()).toBe(before);
  });

  test('--dry-run makes none', async () => {
    const before = await records();
    const document = await daemon.ca.run('join-token', 'n1', '--dry-run');
    expect([document.dryRun, document.token, await records()]).toEqual([true, undefined, before]);
  });
});

describe('enroll', () => {
  test('keys made on the node, the tree of `issue --out`, in the log, and the node may call', async () => {
    const out = join(work, 'n1');
    const result = await enroll(await tokenFor('n1'), out);
    expect([result.code, result.stderr]).toEqual([0, '']);
    const { certificates } = result.json();
    expect(certificates.map(({ plane }: { plane: string }) => plane)).toEqual(['control', 'data']);
    for (const plane of ['control', 'data']) {
      const [cert, key, bundle] = await Promise.all(
        ['cert', 'key', 'ca'].map((file) => readFile(join(out, 'n1', plane, `${file}.pem`))),
      );
      const x509 = new X509Certificate(cert as Buffer);
      expect(x509.publicKey.equals(createPublicKey(createPrivateKey(key as Buffer)))).toBe(true);
      expect(x509.subjectAltName).toBe(`DNS:n1.orders.internal, URI:spiffe://orders.internal/node/n1/${plane}`);
      expect(bundle).toEqual(ca);
      expect(statSync(join(out, 'n1', plane, 'key.pem')).mode & 0o777).toBe(0o600);
      const csr = await request();
      const call = { method: 'POST', body: { csr } };
      const material = { ca, cert: cert as Buffer, key: key as Buffer };
      expect((await daemon.call(material, '/v1/nodes/n1/certificates', call)).status).toBe(201);
    }
    expect((await daemon.ca.run('list', '--node', 'n1')).certificates).toHaveLength(2);
    expect((await daemon.ca.run('keystore', 'check')).valid).toBe(true);
    const again = await enroll(await tokenFor('n1'), out);
    expect([again.code, again.error().error.code]).toEqual([6, 'ERR_EXISTS']);
  });

  test('what was revoked is replaced, with a new key; its agent says so until then', async () => {
    const agent = new AgentProcess(daemon, 'back', join(work, 'back-agent'));
    await agent.join('data');
    await writeFile(agent.config, 'services: []\n');
    await daemon.ca.run('revoke', 'back', '--reason', 'keyCompromise', '--yes');
    agent.start();
    const { hint } = await agent.event('server-unreachable');
    expect(hint).toMatch(
      /^its certificate is not taken any more, so it joins again: cluster-ca join-token back, then here cluster-ca enroll /,
    );
    expect(await agent.stop()).toBe(0);
    const key = () => readFile(join(agent.files(), 'key.pem'), 'utf8');
    const before = await key();
    await agent.join('data');
    expect(await key()).not.toBe(before);
    agent.start();
    await daemon.event('agent', ({ node }) => node === 'back');
    expect(await agent.stop()).toBe(0);
  });

  test('killed before it heard of its certificates: the same token, the same keys, the same certificates', async () => {
    const out = join(work, 'n2');
    const token = await tokenFor('n2', '--plane', 'data');
    const first = await enroll(token, out);
    const [certificate] = first.json().certificates;
    // As it was after the daemon's commit: the key is there, the certificate is not.
    await rm(join(out, 'n2/data/cert.pem'));
    const before = await records();
    const second = await enroll(token, out);
    expect([second.code, second.json().certificates[0].serial]).toEqual([0, certificate.serial]);
    expect(await records()).toBe(before);
  });

  test('another daemon in its place: nothing is sent to it', async () => {
    await other.start();
    const token = await tokenFor('n3');
    const out = join(work, 'n3');
    const result = await enroll(token, out, other.port);
    expect([result.code, result.error().error.message]).toEqual([
      7,
      expect.stringContaining('none of the certificates'),
    ]);
    expect(existsSync(join(out, 'n3/data/cert.pem'))).toBe(false);
    expect(other.events.filter(({ event }) => event === 'enrolment-refused')).toEqual([]);
    await other.stop();
    // The token is as good as before.
    expect((await enroll(token, out)).code).toBe(0);
  });

  test('another name than the daemon has', async () => {
    const result = await enroll(await tokenFor('n4'), join(work, 'n4'), daemon.port, '127.0.0.2');
    expect(result.code).toBe(7);
    expect(result.error().error.message).toMatch(/certificate that is not accepted|cannot reach/);
  });

  test.each([
    ['http://localhost:8443', 2],
    ['https://localhost:8443/path', 2],
    ['https://user@localhost', 2],
    ['localhost:8443', 2],
  ])('--server %s', async (server, code) => {
    const result = await warmCli(['enroll', '--server', server, '--token-file', await tokenFile('x'), '--json']);
    expect([result.code, result.error().error.code]).toEqual([code, 'ERR_USAGE']);
  });

  test('a token that others can read, one cut off, none', async () => {
    const file = await tokenFile(await tokenFor('n5'));
    await chmod(file, 0o644);
    const server = `https://localhost:${daemon.port}`;
    expect((await warmCli(['enroll', '--server', server, '--token-file', file, '--json'])).code).toBe(13);
    const half = await tokenFile((await tokenFor('n5')).slice(0, -20));
    const cut = await warmCli(['enroll', '--server', server, '--token-file', half, '--json']);
    expect([cut.code, cut.error().error.code]).toEqual([2, 'ERR_CONFIG']);
    expect((await warmCli(['enroll', '--server', server, '--json'])).code).toBe(2);
  });
});

describe('POST /v1/enroll', () => {
  const refusal = { type: 'urn:cluster-ca:problem:token-not-accepted', status: 403 };
  const body = async (node: string, token: string) => ({
    node,
    token,
    requests: [{ plane: 'data', csr: await request() }],
  });

  test('two at once with one token: one is enrolled', async () => {
    const token = await tokenFor('p1');
    const bodies = await Promise.all(Array.from({ length: 4 }, () => body('p1', token)));
    const answers = await Promise.all(bodies.map(ask));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403]);
    expect((await daemon.ca.run('list', '--node', 'p1', '--all')).certificates).toHaveLength(1);
  });

  test('a token that was used, with other keys', async () => {
    const token = await tokenFor('p2');
    expect((await ask(await body('p2', token))).status).toBe(201);
    const again = await ask(await body('p2', token));
    expect(again.json()).toMatchObject({ ...refusal, detail: expect.stringContaining('used') });
  });

  test('for another node, of another secret, ended, for another plane', async () => {
    const token = await tokenFor('p3', '--plane', 'data');
    expect((await ask(await body('p4', token))).json()).toMatchObject(refusal);
    const content = decodeToken(token);
    const guess = encodeToken({ ...content, secret: Buffer.alloc(32, 7).toString('base64url') });
    expect((await ask(await body('p3', guess))).json()).toMatchObject(refusal);
    const control = { node: 'p3', token, requests: [{ plane: 'control', csr: await request() }] };
    expect((await ask(control)).json()).toMatchObject(refusal);
    const short = await tokenFor('p5', '--ttl', '1s');
    const { expiresAt } = decodeToken(short);
    while (Date.now() < Date.parse(expiresAt)) await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await ask(await body('p5', short))).json()).toMatchObject({
      ...refusal,
      detail: expect.stringContaining('ended'),
    });
    // None of these has used it.
    expect((await ask(await body('p3', token))).status).toBe(201);
  });

  test('a node that was revoked after its token was made', async () => {
    await daemon.node('p6');
    const before = await tokenFor('p6');
    await daemon.ca.run('revoke', 'p6', '--yes');
    expect((await ask(await body('p6', before))).json()).toMatchObject({
      ...refusal,
      detail: expect.stringContaining('revoked'),
    });
    expect((await ask(await body('p6', await tokenFor('p6')))).status).toBe(201);
  });

  test.each<[string, number, () => Promise<object>]>([
    ['no token', 400, async () => ({ node: 'p7', requests: [{ plane: 'data', csr: await request() }] })],
    ['what is no token', 403, async () => await body('p7', 'cluster-ca-join-1.e30')],
    ['no request', 400, async () => ({ node: 'p7', token: await tokenFor('p7'), requests: [] })],
    [
      'a plane twice',
      400,
      async () => {
        const { requests, ...rest } = await body('p7', await tokenFor('p7'));
        return { ...rest, requests: [...requests, ...requests] };
      },
    ],
    [
      'a broken request',
      400,
      async () => ({ ...(await body('p7', await tokenFor('p7'))), requests: [{ plane: 'data', csr: 'x' }] }),
    ],
    ['a path for a name', 400, async () => ({ ...(await body('p7', await tokenFor('p7'))), node: '../p7' })],
    ['a name in capitals', 400, async () => ({ ...(await body('p7', await tokenFor('p7'))), node: 'P7' })],
    ['clients', 400, async () => ({ ...(await body('p7', await tokenFor('p7'))), node: 'clients' })],
    ['an unknown member', 400, async () => ({ ...(await body('p7', await tokenFor('p7'))), role: 'operator' })],
  ])('%s', async (_, status, make) => {
    const asked = await make();
    const before = await records();
    const answer = await ask(asked);
    expect([answer.status, answer.headers['content-type']]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ]);
    expect(await records()).toBe(before);
  });

  test('a weak key does not use the token up', async () => {
    const name = join(work, 'weak');
    const flags = ['-newkey', 'rsa:1024', '-nodes', '-keyout', `${name}.key`, '-out', name];
    await run('openssl', ['req', '-new', '-subj', '/CN=x', ...flags]);
    const token = await tokenFor('p8');
    const requests = [{ plane: 'data', csr: await readFile(name, 'utf8') }];
    expect((await ask({ node: 'p8', token, requests })).status).toBe(422);
    expect((await ask(await body('p8', token))).status).toBe(201);
  });
});

test('who has a certificate of another cluster, or one that has ended, does not get as far as the token', async () => {
  const elsewhere = await Authority.init(join(work, 'elsewhere'), 'orders');
  await elsewhere.run('issue', 'p9', '--out', elsewhere.out);
  const [cert, key] = await Promise.all(
    ['cert', 'key'].map((file) => readFile(join(elsewhere.node('p9', 'data'), `${file}.pem`))),
  );
  const call = { method: 'POST', body: {} };
  await expect(daemon.call({ ca, cert: cert as Buffer, key: key as Buffer }, '/v1/enroll', call)).rejects.toThrow(
    /ECONNRESET|socket hang up/,
  );
});
