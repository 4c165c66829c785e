import { createHmac } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Sink } from '../../../src/alerts/sinks/sink.ts';
import { webhookSink } from '../../../src/alerts/sinks/webhook.ts';
import { done } from '../../cli/checks.ts';
import { newCluster } from '../../support/clusters.ts';
import { material } from '../../support/tls.ts';
import { batch, NOW, patient, transition } from './batch.ts';
import { ok, type Received, receiver, says } from './receiver.ts';

const cluster = await newCluster();
await done(cluster.ca, ['issue', 'hook', '--ip', '127.0.0.1', '--plane', 'data']);
const tls = await material(join(cluster.out, 'hook/data'));
const secretFile = join(cluster.directory, 'secret');
// The key of the specification's own example.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });

const now = () => new Date(NOW + 1500);
const sink = (url: string, more: object = {}, file = secretFile): Sink =>
  webhookSink('w', { kind: 'webhook', url, secretFile: file, ...more }, now);

/** As a receiver does it, by the specification alone. */
function verify({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  return String(headers['webhook-signature']).split(' ').includes(expected);
}

describe('a receiver that takes it', () => {
  test('over HTTPS, signed, with all that status says', async () => {
    const hook = await receiver(says(204), tls);
    await sink(`${hook.url}/x?y=1`, { ca: join(cluster.out, 'hook/data/ca.pem') }).send(
      batch(transition(), transition('resolved')),
      patient(),
    );
    const [one] = hook.received as [Received];
    expect(one).toMatchObject({ method: 'POST', path: '/x?y=1', headers: { 'content-type': 'application/json' } });
    expect(one.headers['webhook-timestamp']).toBe(String(NOW / 1000 + 1));
    expect(verify(one, SECRET)).toBe(true);
    expect(verify({ ...one, body: one.body.replace('n1', 'n2') }, SECRET)).toBe(false);
    expect(JSON.parse(one.body)).toEqual({
      type: 'cluster_ca.alerts',
      timestamp: '2026-01-02T00:00:00Z',
      data: {
        schemaVersion: 1,
        cluster: 'orders',
        alerts: [
          { event: 'raised', ...transition().alert, raisedAt: '2026-01-01T00:00:00Z' },
          { event: 'resolved', ...transition().alert, raisedAt: '2026-01-01T00:00:00Z', because: 'over' },
        ],
      },
    });
  });

  test('is told again under the same id, and of another thing under another', async () => {
    const hook = await receiver(ok);
    for (const subject of ['a', 'a', 'b'])
      await sink(hook.url).send(batch(transition('raised', 'warning', subject)), patient());
    const [first, again, other] = hook.received.map(({ headers }) => headers['webhook-id']);
    expect(first).toMatch(/^msg_[0-9a-f]{32}$/);
    expect([again === first, other === first]).toEqual([true, false]);
  });

  test('gets many in messages of less than 20 kB', async () => {
    const hook = await receiver(ok);
    const many = Array.from({ length: 60 }, (_, i) => transition('raised', 'warning', `n${i}/data`));
    await sink(hook.url).send(batch(...many), patient());
    expect(hook.received.map(({ body }) => JSON.parse(body).data.alerts.length)).toEqual([25, 25, 10]);
    for (const { body } of hook.received) expect(body.length).toBeLessThan(20_000);
  });

  test('may know either of two secrets, while one is replaced', async () => {
    const other = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
    const both = join(cluster.directory, 'both');
    await writeFile(both, `${SECRET}\n${other}\n`, { mode: 0o600 });
    const hook = await receiver(ok);
    await sink(hook.url, {}, both).send(batch(transition()), patient());
    const [one] = hook.received as [Received];
    expect([verify(one, SECRET), verify(one, other)]).toEqual([true, true]);
  });
});

describe('a receiver that does not', () => {
  const send = (url: string, signal = patient(), more = {}) => sink(url, more).send(batch(transition()), signal);

  test.each([301, 302, 303, 307, 308])('a redirect (%p) is not followed', async (status) => {
    const elsewhere = await receiver(ok);
    const hook = await receiver(says(status, '', { location: elsewhere.url }));
    await expect(send(hook.url)).rejects.toMatchObject({
      message: `${hook.url} answers with a redirect (${status}), which is not followed`,
      details: { permanent: true },
    });
    expect(elsewhere.connections()).toBe(0);
  });

  test.each<[number, boolean]>([
    [400, true],
    [401, true],
    [404, true],
    [410, true],
    [408, false],
    [429, false],
    [500, false],
    [503, false],
  ])('%p: tried no more is %p', async (status, permanent) => {
    const hook = await receiver(says(status, 'be\u001b[31mcause\n of this'));
    const error = await send(hook.url).catch((thrown) => thrown);
    expect(error.message).toBe(`${hook.url} answers ${status}: be [31mcause of this`);
    expect(error.details?.permanent ?? false).toBe(permanent);
  });

  test('a huge error is not read, a huge success neither', async () => {
    let written = 0;
    const flood = (status: number) =>
      receiver((response) => {
        response.writeHead(status);
        const more = (): void => {
          if (response.destroyed || written > 512 * 1024 * 1024) return;
          written += 65_536;
          response.write(Buffer.alloc(65_536, 'x'), more);
        };
        more();
      });
    await expect(send((await flood(500)).url)).rejects.toThrow(/answers 500: x{1024}$/);
    await send((await flood(200)).url);
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test.each<[string, Parameters<typeof receiver>[0]]>([
    ['never answers', () => {}],
    [
      'sends an error drop by drop, for ever',
      (response) => {
        response.writeHead(500);
        const timer = setInterval(() => response.write('.'), 5);
        response.on('close', () => clearInterval(timer));
      },
    ],
    [
      'sends its headers drop by drop',
      ({ socket }) => {
        socket?.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => socket?.write('x: y\r\n'), 5);
        socket?.on('close', () => clearInterval(timer));
      },
    ],
  ])('one that %s is given up in its time', async (_, answer) => {
    const hook = await receiver(answer);
    await expect(send(hook.url, AbortSignal.timeout(300))).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  test('headers without an end', async () => {
    const hook = await receiver(({ socket }) => {
      socket?.write(`HTTP/1.1 200 OK\r\n${'x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(5_000)}`);
    });
    await expect(send(hook.url)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  test('what is no HTTP, nobody, and a certificate that is not to be trusted', async () => {
    const garbage = await receiver(({ socket }) => socket?.end('220 mail.example ESMTP\r\n'));
    await expect(send(garbage.url)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    await expect(send('http://127.0.0.1:1')).rejects.toThrow(/ECONNREFUSED/);
    const secure = await receiver(ok, tls);
    await expect(send(secure.url)).rejects.toThrow(/certificate/);
    const ca = join(cluster.out, 'hook/data/ca.pem');
    await expect(send(`https://localhost:${secure.port}`, patient(), { ca })).rejects.toThrow(/localhost/);
    expect(secure.received).toEqual([]);
  });

  test.each([
    'https://169.254.169.254/latest/meta-data/',
    'https://[fe80::1]/',
    'https://2852039166/',
    'https://0xa9.0xfe.0xa9.0xfe/',
    'https://[::ffff:169.254.169.254]/',
    'https://0/',
  ])('nothing is sent to %s', (url) =>
    expect(send(url)).rejects.toThrow(/nothing is sent to .* is (link-local|unspecified)$/),
  );

  test('a name that the DNS takes to this host reaches nothing', async () => {
    const local = await receiver(ok);
    const url = `http://hook.example:${local.port}`;
    const taken = webhookSink('w', { kind: 'webhook', url, secretFile }, now, async () => ['127.0.0.1']);
    await expect(taken.send(batch(transition()), patient())).rejects.toThrow(/this host's own/);
    expect(local.connections()).toBe(0);
  });

  test('a name is asked for once, and the address that was looked at is the one connected to', async () => {
    const first = await receiver(ok, undefined, '127.0.0.2');
    const answers = [['127.0.0.2'], ['169.254.169.254']];
    const url = `http://localhost:${first.port}`;
    const once = webhookSink('w', { kind: 'webhook', url, secretFile }, now, async () => answers.shift() ?? []);
    await once.send(batch(transition()), patient());
    expect([first.received.length, answers.length]).toEqual([1, 1]);
    await expect(once.send(batch(transition()), patient())).rejects.toThrow(/link-local/);
  });
});

describe('the secret', () => {
  test.each([
    ['without whsec_', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['too short', 'whsec_c2hvcnQ='],
    ['too long', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['no base64', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!'],
    ['empty', ''],
  ])('%s is refused, and not repeated', async (_, text) => {
    const file = join(cluster.directory, 'bad');
    await writeFile(file, text, { mode: 0o600 });
    const error = (() => {
      try {
        return sink('https://h.example', {}, file);
      } catch (thrown) {
        return thrown as Error & { code: string };
      }
    })();
    expect(error).toMatchObject({ code: 'ERR_CONFIG' });
    if (text !== '') expect(JSON.stringify(error) + (error as Error).message).not.toContain(text);
  });

  test('of a file that others can read, or that is not there', async () => {
    const file = join(cluster.directory, 'open');
    await writeFile(file, SECRET);
    await chmod(file, 0o644);
    expect(() => sink('https://h.example', {}, file)).toThrow(/can be read by group or world/);
    expect(() => sink('https://h.example', {}, `${file}.none`)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: expect.stringMatching(/does not exist$/),
        hint: expect.stringMatching(/^\(umask 077; echo "whsec_.*\.none\)$/),
      }),
    );
  });
});
