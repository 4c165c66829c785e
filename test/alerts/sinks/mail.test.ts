import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { mailSink } from '../../../src/alerts/sinks/mail.ts';
import type { SmtpConfiguration } from '../../../src/inventory/alerts-schema.ts';
import { done } from '../../cli/checks.ts';
import { newCluster } from '../../support/clusters.ts';
import { material } from '../../support/tls.ts';
import { batch, patient, transition } from './batch.ts';
import { type Mail, smtpServer } from './smtp-server.ts';

const cluster = await newCluster();
await done(cluster.ca, ['issue', 'mail', '--dns', 'localhost', '--ip', '127.0.0.1', '--plane', 'data']);
const tls = await material(join(cluster.out, 'mail/data'));
const ca = join(cluster.out, 'mail/data/ca.pem');
const passwordFile = join(cluster.directory, 'password');
await writeFile(passwordFile, 'pass word\n', { mode: 0o600 });

const sink = (port: number, more: Partial<SmtpConfiguration> = {}, host = '127.0.0.1') =>
  mailSink('m', {
    kind: 'smtp',
    server: `${host}:${port}`,
    from: 'ca@orders.example',
    to: ['ops@orders.example', 'night@orders.example'],
    ca,
    ...more,
  });
const LOGIN = { user: 'ca', passwordFile };
const one = (mails: readonly Mail[]): Mail => mails[0] as Mail;

describe('mail', () => {
  test.each(['127.0.0.1', 'localhost'])('by STARTTLS to %s, logged in only behind it', async (host) => {
    const server = await smtpServer({ tls });
    await sink(server.port, LOGIN, host).send(batch(transition()), patient());
    expect(one(server.mails)).toMatchObject({
      from: 'ca@orders.example',
      to: ['ops@orders.example', 'night@orders.example'],
      secure: true,
      login: ['ca', 'pass word'],
    });
    const { data } = one(server.mails);
    expect(data).toMatch(/^Subject: \[orders\] warning: node_drift n1\/data\r$/m);
    expect(data).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(data).toMatch(/^Message-ID: <[0-9a-f]{32}@orders\.example>\r$/m);
    expect(data).toContain('cluster-ca verify --inventory FILE n1');
    const commands = server.commands.map((line) => line.split(' ')[0]);
    expect(commands.indexOf('STARTTLS')).toBeLessThan(commands.indexOf('AUTH'));
  });

  test('with TLS from the first octet, and, where the inventory says so, without', async () => {
    const implicit = await smtpServer({ tls, implicit: true });
    await sink(implicit.port, { ...LOGIN, tls: 'implicit' }).send(batch(transition()), patient());
    expect(one(implicit.mails).secure).toBe(true);
    const plain = await smtpServer({ tls });
    await sink(plain.port, { tls: 'none' }).send(batch(transition('resolved')), patient());
    expect(one(plain.mails).secure).toBe(false);
    expect(one(plain.mails).data).toMatch(/^Subject: \[orders\] resolved: node_drift n1\/data\r$/m);
  });

  test('of many is one, and no text of others is a header or a control character', async () => {
    const server = await smtpServer({ tls });
    const hostile = transition('raised', 'critical', 'n1\r\nBcc: evil@example.org\u001b[31m');
    await sink(server.port).send(batch(hostile), patient());
    await sink(server.port).send(batch(hostile, transition(), transition('resolved')), patient());
    const [single, many] = server.mails as [Mail, Mail];
    for (const { data, to } of [single, many]) {
      expect(data).not.toMatch(/^Bcc:/im);
      expect(data).not.toContain('\u001b');
      expect(to).toHaveLength(2);
    }
    expect(many.data).toMatch(/^Subject: \[orders\] 1 critical, 1 warning, 1 resolved\r$/m);
  });
});

describe('not sent', () => {
  const send = (port: number, more: Partial<SmtpConfiguration> = {}, signal = patient()) =>
    sink(port, more).send(batch(transition()), signal);

  test('where STARTTLS is not offered, the password neither', async () => {
    const server = await smtpServer();
    await expect(send(server.port, LOGIN)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    expect([server.mails, server.commands.filter((line) => /^(AUTH|MAIL)/.test(line))]).toEqual([[], []]);
  });

  test('to a certificate that is not to be trusted, or of another name', async () => {
    const server = await smtpServer({ tls });
    const strange = mailSink('m', {
      kind: 'smtp',
      server: `127.0.0.1:${server.port}`,
      from: 'a@b.c',
      to: ['d@e.f'],
      ...LOGIN,
    });
    await expect(strange.send(batch(transition()), patient())).rejects.toThrow(/certificate/);
    await done(cluster.ca, ['issue', 'stranger', '--plane', 'data']);
    const wrong = await smtpServer({ tls: await material(join(cluster.out, 'stranger/data')) });
    await expect(send(wrong.port, LOGIN)).rejects.toThrow(/127\.0\.0\.1/);
    expect([wrong.mails, wrong.commands.filter((line) => line.startsWith('AUTH'))]).toEqual([[], []]);
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['a wrong password', { AUTH: '535 no' }, true],
    ['a sender that is refused', { MAIL: '550 no' }, true],
    ['a server that is busy', { MAIL: '451 later' }, false],
    ['recipients that are refused', { RCPT: '550 no such user' }, true],
  ])('%s', async (_, answers, permanent) => {
    const server = await smtpServer({ tls, answers });
    const error = await send(server.port, LOGIN).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_REMOTE' });
    expect(error.message).not.toContain('pass word');
    expect(error.details?.permanent ?? false).toBe(permanent);
  });

  test('one that says nothing is given up in its time; nobody; a link-local address', async () => {
    const server = await smtpServer({ silent: true });
    await expect(send(server.port, {}, AbortSignal.timeout(200))).rejects.toThrow(/in time/);
    await expect(send(1)).rejects.toThrow(/ECONNREFUSED/);
    await expect(sink(25, {}, '169.254.1.1').send(batch(transition()), patient())).rejects.toThrow(/link-local/);
  });
});
