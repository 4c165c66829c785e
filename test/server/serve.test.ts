import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { alertsSchema, certificatesSchema } from '../../src/server/http/schemas.ts';
import { run } from '../support/cli.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import { type Material, served } from '../support/tls.ts';
import { Daemon, serveOnce } from './daemon.ts';

const daemon = await Daemon.make('orders');
const work = await scratch('serve-work');
let operator: Required<Material>;

beforeAll(async () => {
  operator = await daemon.person('ann', '--role', 'operator');
  await daemon.node('n1');
  await daemon.start();
});

describe('what opens it', () => {
  test('a secret that opens a root slot is refused, and the hint splits them', async () => {
    const { code, stdout, error } = await serveOnce(daemon.ca, ['--listen', `127.0.0.1:${await freePort()}`]);
    expect([code, stdout, error().error.code]).toEqual([5, '', 'ERR_POLICY']);
    expect(error().error.hint).toContain('keystore slot add');
  });

  test("systemd's credential", async () => {
    const directory = join(work, 'credentials');
    await mkdir(directory, { mode: 0o700 });
    const key = await readFile(join(daemon.ca.out, '../serve.key'));
    // As systemd leaves it: the group's bits are those of the access list's mask.
    await writeFile(join(directory, 'cluster-ca.key'), key, { mode: 0o440 });
    const second = new Daemon(daemon.ca, await freePort(), await freePort(), []);
    await second.start([], { CREDENTIALS_DIRECTORY: directory });
    expect(await second.stop()).toBe(0);
    expect(second.stderr).toBe('');
  });

  test.each([
    ['cluster-ca.key', 'short', 2],
    ['cluster-ca.passphrase', 'not the passphrase', 12],
  ])('a wrong credential: %s', async (name, content, exit) => {
    const directory = join(work, name);
    await mkdir(directory, { mode: 0o700 });
    await writeFile(join(directory, name), content, { mode: 0o400 });
    const { CLUSTER_CA_KEY_FILE: _, ...env } = daemon.ca.env;
    const { code } = await serveOnce({ ...daemon.ca, env } as typeof daemon.ca, [], {
      CREDENTIALS_DIRECTORY: directory,
    });
    expect(code).toBe(exit);
  });

  test.each([
    [['--listen', 'nowhere'], 2],
    [['--listen', '127.0.0.1:99999'], 2],
    [['--inventory', '/nonexistent.yaml'], 2],
  ])('usage: %j', async (args, exit) => {
    expect((await serveOnce(daemon.ca, args)).code).toBe(exit);
  });

  test('an address that is taken', async () => {
    const key = join(daemon.ca.out, '../serve.key');
    const args = ['--key-file', key, '--listen', `127.0.0.1:${daemon.port}`];
    const { code, error } = await serveOnce(daemon.ca, args);
    expect([code, error().error.message]).toEqual([6, expect.stringContaining('something else does')]);
  });
});

describe('the documents', () => {
  test('certificates: those of list, and never a private key', async () => {
    const { status, text, json } = await daemon.call(operator, '/v1/cluster/certificates');
    expect(status).toBe(200);
    expect(json()).toEqual(await daemon.ca.run('list'));
    expect(certificatesSchema.parse(json()).certificates.length).toBeGreaterThan(2);
    expect(text).not.toMatch(/PRIVATE|BEGIN/);
    const ofNode = (await daemon.call(operator, '/v1/cluster/certificates?node=n1&plane=data')).json().certificates;
    expect(ofNode).toEqual([expect.objectContaining({ node: 'n1', plane: 'data', status: 'valid' })]);
  });

  test('alerts: those of status', async () => {
    const { alerts, attention } = (await daemon.call(operator, '/v1/cluster/alerts')).json();
    expect(alertsSchema.shape.alerts.parse(alerts)).toEqual(alerts);
    const status = await daemon.ca.run('status');
    expect([alerts, attention]).toEqual([status.alerts, status.attention]);
  });

  test.each([
    '?node=..',
    '?node=%2e%2e%2fetc',
    '?node=n1%00',
    '?node=%E2%80%AEn1',
    '?plane=Data',
    '?plane=none',
    '?status=odd',
    '?other=1',
  ])('what is not understood is 400: %s', async (query) => {
    const { status, json } = await daemon.call(operator, `/v1/cluster/certificates${query}`);
    expect([status, json().status]).toEqual([400, 400]);
  });

  test('a method that a path has not is 404, a broken escape 400, a long path no more than an error', async () => {
    expect((await daemon.call(operator, '/v1/cluster/alerts', { method: 'DELETE' })).status).toBe(404);
    expect((await daemon.call(operator, '/v1/%zz')).status).toBe(400);
    expect((await daemon.call(operator, `/v1/${'x'.repeat(8000)}`)).status).toBe(404);
    expect((await daemon.call(operator, '/v1/cluster/../../etc/passwd')).status).toBe(404);
  });
});

describe('the plain listener', () => {
  test('trust bundle, CRLs, health, and nothing of the other listener', async () => {
    expect((await daemon.plain('/trust-bundle')).text).toBe(operator.ca.toString());
    expect((await daemon.plain('/healthz')).text).toBe('ok\n');
    expect((await daemon.plain('/readyz')).text).toBe('ready\n');
    expect((await daemon.plain('/v1/cluster/certificates')).status).toBe(404);
    for (const path of ['/crl/..%2f..%2fetc', '/crl/%2e%2e', '/crl/root-g1.crl%00', '/crl/x.crl'])
      expect([path, (await daemon.plain(path)).status]).toEqual([path, 400]);
    expect((await daemon.plain('/crl/root-g9.crl')).status).toBe(404);
  });

  test('openssl verifies with the served CRLs and bundle, and refuses what was revoked meanwhile', async () => {
    await daemon.node('n3');
    const files = { 'bundle.pem': '/trust-bundle', 'crl.pem': '/crl/all.pem' };
    const fetchAll = async (): Promise<void> => {
      for (const [name, path] of Object.entries(files))
        await writeFile(join(work, name), (await daemon.plain(path)).text);
    };
    const verify = () => {
      const chain = join(daemon.ca.node('n3', 'data'), 'cert.pem');
      const args = [
        'verify',
        '-crl_check_all',
        '-CAfile',
        'bundle.pem',
        '-CRLfile',
        'crl.pem',
        '-untrusted',
        chain,
        chain,
      ];
      return run('openssl', args, { cwd: work });
    };
    await fetchAll();
    expect((await verify()).stdout).toContain(': OK');
    await daemon.ca.run('revoke', 'n3', '--yes');
    await fetchAll();
    expect((await verify()).stderr).toContain('certificate revoked');
  });

  test('a CRL in DER', async () => {
    const path = join(work, 'crl.der');
    await new Promise<void>((resolve, reject) => {
      run('curl', ['-sS', '-o', path, `http://127.0.0.1:${daemon.plainPort}/crl/issuing-g1.1.crl`]).then(
        () => resolve(),
        reject,
      );
    });
    expect((await run('openssl', ['crl', '-inform', 'DER', '-in', path, '-noout', '-issuer'])).stdout).toContain(
      'Issuing CA',
    );
  });

  test('promtool takes the metrics', async () => {
    const { text, headers } = await daemon.plain('/metrics');
    expect(headers['content-type']).toContain('version=0.0.4');
    expect(text).toContain(
      'node_cert_expires_in_seconds{cluster="orders",logical_name="data_internode_encryption",node="n1",path="n1/data/cert.pem"}',
    );
    if (existsSync('/usr/bin/promtool')) {
      const { code, stderr } = await run('promtool', ['check', 'metrics'], { input: text });
      expect([code, stderr]).toEqual([0, '']);
    }
  });
});

describe('curl', () => {
  const url = (path: string): string => `https://localhost:${daemon.port}${path}`;
  const files = (): string[] => {
    const directory = daemon.ca.client('ann');
    return [
      '--cacert',
      join(directory, 'ca.pem'),
      '--cert',
      join(directory, 'cert.pem'),
      '--key',
      join(directory, 'key.pem'),
    ];
  };

  test('mutual TLS', async () => {
    const { code, stdout } = await run('curl', ['-sS', ...files(), url('/v1/cluster/alerts')]);
    expect([code, JSON.parse(stdout).schemaVersion]).toEqual([0, 1]);
  });

  test('without a certificate there is a refusal', async () => {
    const { code, stdout } = await run('curl', ['-sS', ...files().slice(0, 2), url('/v1/cluster/alerts')]);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { status: 403, detail: 'there is no client certificate' }]);
  });

  test('TLS 1.1 and plain HTTP are refused', async () => {
    expect((await run('curl', ['-sS', '--tls-max', '1.1', ...files(), url('/')])).code).not.toBe(0);
    expect((await run('curl', ['-sS', `http://127.0.0.1:${daemon.port}/`])).code).not.toBe(0);
  });
});

describe('limits', () => {
  test('connections that say nothing and headers that never end are closed, and nobody waits for them', async () => {
    const idle = Array.from({ length: 40 }, () => connectTcp(daemon.port, '127.0.0.1').on('error', () => {}));
    const slow = connectTls({ port: daemon.port, host: '127.0.0.1', ...operator });
    const closed = new Promise<string>((resolve) => {
      let answer = '';
      slow.on('data', (chunk) => {
        answer += chunk;
      });
      slow.on('close', () => resolve(answer));
    });
    slow.write('GET /v1/cluster/alerts HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const drip = setInterval(() => slow.write('x'), 200);
    expect((await daemon.call(operator, '/v1/cluster/alerts')).status).toBe(200);
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
    await Promise.all(
      idle.map((socket) => new Promise((resolve) => (socket.closed ? resolve(0) : socket.once('close', resolve)))),
    );
  });

  test('a header over 16 KiB is 431', async () => {
    const { status } = await daemon.call(operator, '/v1/cluster/alerts', { headers: { 'X-Long': 'x'.repeat(20_000) } });
    expect(status).toBe(431);
  });
});

describe('its own certificate', () => {
  test('is in the log as the tool’s own, and in no alert or list of the cluster', async () => {
    const fingerprint = await served(daemon.port, operator);
    const { certificates } = await daemon.ca.run('list', '--all');
    const own = certificates.find((one: { fingerprint: string }) => one.fingerprint === fingerprint);
    expect(own).toMatchObject({ kind: 'probe', node: 'cluster-ca-serve', profile: 'server' });
    expect(own.subjectAltNames).toEqual(expect.arrayContaining(['DNS:localhost', 'IP:127.0.0.1']));
    expect(JSON.stringify(await daemon.ca.run('list'))).not.toContain('cluster-ca-serve');
  });
});

test('it stops in its own way: what is asked is answered, then the exit code is 0', async () => {
  expect(await daemon.stop('SIGTERM')).toBe(0);
  expect(daemon.events.at(-1)?.event).toBe('stopped');
  await daemon.start();
  expect(await daemon.stop('SIGINT')).toBe(0);
  expect(daemon.stderr).toBe('');
});
