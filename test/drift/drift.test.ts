import { appendFile, chmod, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import { clock } from '../cli/clock.ts';
import { tcpServer } from '../endpoint/tls-server.ts';
import { newCluster } from '../support/clusters.ts';
import { certificatePem, makeExpired } from './expired.ts';
import { codes, deployed, inventory, look, serving } from './services.ts';

const cluster = await newCluster();
const other = await newCluster({ name: 'other' });
const { ca, out } = cluster;
const first = await inventory(cluster, [{ kind: 'files', dir: '/nowhere' }]);
await done(ca, ['issue', '--inventory', first]);
await done(ca, ['issue', '--client', 'app']);
const identified = ['--cert', join(out, 'clients/app/cert.pem'), '--key', join(out, 'clients/app/key.pem')];
const fresh = (name: string): Promise<string> => deployed(cluster, 'n1/data', name);

describe('nothing to report: exit 0', () => {
  test('issued, on disk and served are the same', async () => {
    const dir = await fresh('good');
    const seen = await look(
      cluster,
      await inventory(cluster, [{ kind: 'etcd', dir, port: await serving(dir) }]),
      ...identified,
    );
    expect([codes(seen), seen.code]).toEqual([[], 0]);
    const [service] = seen.services;
    expect(service).toMatchObject({ node: 'n1', plane: 'data', kind: 'etcd', clientCertificate: 'required', ok: true });
    expect(service?.issued).toMatch(/^[0-9a-f]{64}$/);
    expect([service?.onDisk, service?.served]).toEqual([service?.issued, service?.issued]);
    expect(seen.findings).toEqual([]);
  });

  test('without a client certificate it says what it could not see, and that is no drift', async () => {
    const dir = await fresh('unseen');
    const seen = await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port: await serving(dir) }]));
    expect(seen.code).toBe(0);
    expect(seen.findings).toMatchObject([
      { code: 'not-seen', severity: 'info', message: expect.stringMatching(/mutual handshake/) },
    ]);
    expect(seen.warnings?.join()).toMatch(/--cert/);
  });

  test('files only, a NODE, a plane', async () => {
    const dir = await fresh('files');
    const file = await inventory(cluster, [{ kind: 'files', dir }]);
    expect((await look(cluster, file)).services).toHaveLength(1);
    expect((await look(cluster, file, '--plane', 'control')).services).toEqual([]);
    expect((await ca(['verify', 'n1', '--inventory', file])).code).toBe(0);
    expect((await ca(['verify', '--format', 'text'], { env: { CLUSTER_CA_INVENTORY: file } })).code).toBe(0);
    await fails(ca, ['verify', 'nobody', '--inventory', file], 'ERR_NOT_FOUND');
  });
});

describe('drift: exit 4, each finding by its code', () => {
  test('a process that was not reloaded', async () => {
    const dir = await fresh('stale');
    const port = await serving(dir);
    await done(ca, ['issue', 'n1', '--inventory', first, '--force-new']);
    await cp(join(out, 'n1/data'), dir, { recursive: true });
    const seen = await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port }]), ...identified);
    expect([seen.code, codes(seen)]).toEqual([4, ['stale-process']]);
    expect(seen.findings[0]?.message).toMatch(/superseded/);
    expect(seen.result.error()).toMatchObject({
      error: { code: 'ERR_ATTENTION', details: { codes: ['stale-process'] } },
    });
  });

  test('files that were not deployed', async () => {
    const dir = await fresh('old');
    const port = await serving(dir);
    await done(ca, ['issue', 'n1', '--inventory', first, '--force-new']);
    const seen = await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port }]), ...identified);
    expect(codes(seen)).toEqual(['disk-differs']);
  });

  test('a key that belongs to another certificate', async () => {
    const dir = await fresh('pair');
    await cp(join(out, 'clients/app/key.pem'), join(dir, 'key.pem'));
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'files', dir }])))).toEqual(['key-mismatch']);
  });

  test('a file that is missing, one that is broken', async () => {
    const dir = await fresh('missing');
    await rm(join(dir, 'key.pem'));
    await writeFile(join(dir, 'ca.pem'), 'hello');
    const seen = await look(cluster, await inventory(cluster, [{ kind: 'files', dir }]));
    expect(codes(seen)).toEqual(['disk-missing', 'disk-unreadable']);
    const nowhere = await look(cluster, await inventory(cluster, [{ kind: 'files', dir: '/nowhere/at/all' }]));
    expect(codes(nowhere)).toEqual(['disk-missing']);
  });

  test('another plane, another node', async () => {
    await done(ca, ['issue', 'n1', '--plane', 'control', '--ip', '127.0.0.1']);
    const plane = await deployed(cluster, 'n1/control', 'plane');
    const found = await look(
      cluster,
      await inventory(cluster, [{ kind: 'etcd', dir: plane, port: await serving(plane) }]),
      ...identified,
    );
    expect(codes(found)).toEqual(['disk-differs', 'wrong-plane']);
    await done(ca, ['issue', 'n9', '--plane', 'data', '--ip', '127.0.0.1']);
    const node = await deployed(cluster, 'n9/data', 'node');
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'files', dir: node }])))).toEqual([
      'disk-differs',
      'missing-san',
      'wrong-node',
    ]);
  });

  test('a name of the inventory that it lacks, a purpose that it lacks', async () => {
    const dir = await fresh('names');
    const named = await look(
      cluster,
      await inventory(cluster, [{ kind: 'files', dir }], '    dns: [n1.orders.internal, also.orders.internal]\n'),
    );
    expect(codes(named)).toEqual(['missing-san']);
    expect(named.findings[0]?.message).toMatch(/DNS:also\.orders\.internal/);
    const profile = await deployed(cluster, 'clients/app', 'profile');
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'files', dir: profile }])))).toContain(
      'missing-eku',
    );
  });

  test('another CA', async () => {
    await done(other.ca, ['issue', 'n1', '--plane', 'data', '--ip', '127.0.0.1', '--force-new']);
    const dir = await deployed({ ...cluster, out: other.out }, 'n1/data', 'foreign');
    const seen = await look(
      cluster,
      await inventory(cluster, [{ kind: 'etcd', dir, port: await serving(dir) }]),
      ...identified,
    );
    expect(codes(seen)).toEqual([
      'bundle-foreign-ca',
      'bundle-lacks-root',
      'client-refused',
      'disk-differs',
      'missing-san',
      'not-valid',
    ]);
  });

  test('a revoked certificate', async () => {
    await done(ca, ['issue', 'gone', '--plane', 'data', '--ip', '127.0.0.1']);
    const dir = await deployed(cluster, 'gone/data', 'revoked');
    await done(ca, ['revoke', 'gone', '--yes']);
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'files', dir }])))).toContain('revoked');
  });

  test('an expired CA in the bundle', async () => {
    const dir = await fresh('bundle');
    await appendFile(join(dir, 'ca.pem'), certificatePem(makeExpired()));
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'files', dir }])))).toEqual([
      'bundle-expired-ca',
    ]);
  });

  test('CRLs: one for each level, with all that is revoked', async () => {
    const dir = await fresh('crls');
    await done(ca, ['crl', '--out', join(dir, 'crl.pem')]);
    const file = await inventory(cluster, [{ kind: 'nginx', dir }]);
    expect(codes(await look(cluster, file))).toEqual([]);
    const all = await readFile(join(dir, 'crl.pem'), 'utf8');
    await writeFile(join(dir, 'crl.pem'), all.slice(0, all.indexOf('-----BEGIN', 10)));
    const one = await look(cluster, file);
    expect(codes(one)).toEqual(['crl-missing']);
    expect(one.findings[0]?.message).toMatch(/Root CA/);
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir }])))).toEqual([]);
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'redis', dir }])))).toEqual([]);
    await writeFile(join(dir, 'crl.pem'), all);
    await done(ca, ['issue', 'leaver', '--plane', 'data']);
    await done(ca, ['revoke', 'leaver', '--yes']);
    expect(codes(await look(cluster, file))).toEqual(['crl-outdated']);
  });

  test('no client certificate demanded; old versions; a certificate sent alone', async () => {
    const dir = await fresh('open');
    const chain = await readFile(join(dir, 'cert.pem'), 'utf8');
    const alone = chain.slice(0, chain.indexOf('-----BEGIN', 10));
    const port = await serving(dir, {
      requestCert: false,
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT@SECLEVEL=0',
      cert: alone,
    });
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port }])))).toEqual([
      'client-certificate-not-demanded',
      'incomplete-chain',
      'weak-protocol',
    ]);
    const asking = await serving(dir, { rejectUnauthorized: false });
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port: asking }])))).toEqual([
      'client-certificate-not-demanded',
    ]);
  });

  test('plaintext: at its own address, and where the inventory says that there must be none', async () => {
    const dir = await fresh('plain');
    const plain = await tcpServer((socket) => socket.on('data', () => socket.write('+PONG\r\n')));
    const own = await look(cluster, await inventory(cluster, [{ kind: 'redis', dir, port: plain }]));
    expect(codes(own)).toContain('plaintext-open');
    const beside = await inventory(cluster, [{ kind: 'redis', dir, port: await serving(dir), plaintext: plain }]);
    expect(codes(await look(cluster, beside, ...identified))).toEqual(['plaintext-open']);
    const http = await tcpServer((socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port: http }])))).toEqual([
      'plaintext-open',
    ]);
  });

  test('what time brings: an expired CRL, an expired certificate', async () => {
    const dir = await fresh('time');
    await done(ca, ['crl', '--out', join(dir, 'crl.pem')]);
    const file = await inventory(cluster, [{ kind: 'postgres', dir }]);
    const later = async (time: string): Promise<string[]> => {
      const result = await ca(['verify', '--inventory', file, '--json'], { env: clock(time) });
      expect(result.code).toBe(4);
      return codes(result.json());
    };
    expect(await later('35d')).toEqual(['crl-expired']);
    expect(await later('95d')).toEqual(['crl-expired', 'expired']);
  });

  test('on another host, where the files are not seen: what is served is held against the log', async () => {
    const dir = await fresh('remote');
    const port = await serving(dir);
    await done(ca, ['issue', 'n1', '--inventory', first, '--force-new']);
    const file = await inventory(cluster, [{ kind: 'etcd', dir, port }], '    ssh: deploy@n1\n');
    expect(codes(await look(cluster, file, ...identified))).toEqual(['served-differs']);
  });

  test('nothing listens', async () => {
    const dir = await fresh('down');
    expect(codes(await look(cluster, await inventory(cluster, [{ kind: 'etcd', dir, port: 1 }])))).toEqual([
      'unreachable',
    ]);
  });

  test('never issued', async () => {
    const file = await inventory(cluster, [{ kind: 'files', dir: '/nowhere' }]);
    await writeFile(file, (await readFile(file, 'utf8')).replace('  n1:', '  n77:'));
    expect(codes(await look(cluster, file))).toEqual(['disk-missing', 'not-issued']);
  });
});

describe('what cannot be seen is said', () => {
  test('on another host', async () => {
    const dir = await fresh('elsewhere');
    const file = await inventory(cluster, [{ kind: 'etcd', dir, port: await serving(dir) }], '    ssh: deploy@n1\n');
    const seen = await look(cluster, file, ...identified);
    expect(seen.code).toBe(0);
    expect(seen.findings.map(({ message }) => message).join()).toMatch(/deploy@n1/);
    expect(seen.services[0]).not.toHaveProperty('onDisk');
  });

  test('a directory that may not be read', async () => {
    if (process.getuid?.() === 0) return;
    const dir = await fresh('closed');
    await chmod(dir, 0);
    const seen = await look(cluster, await inventory(cluster, [{ kind: 'files', dir }]));
    expect(seen.findings).toMatchObject([{ code: 'not-seen' }]);
  });
});

describe('usage: exit 2', () => {
  test('a service elsewhere without ssh, with its place in the file', async () => {
    const file = await inventory(cluster, [{ kind: 'redis', dir: '/x', port: 7001, host: '192.0.2.7' }]);
    const error = await fails(ca, ['verify', '--inventory', file], 'ERR_CONFIG');
    expect(error.message).toMatch(/cluster-.*\.yaml:7:\d+: .*192\.0\.2\.7/);
    expect(error.hint).toMatch(/ssh/);
  });

  test('an address that is none, a plane that is not said', async () => {
    const file = await inventory(cluster, [{ kind: 'redis', dir: '/x', port: 0 }]);
    await fails(ca, ['verify', '--inventory', file], 'ERR_CONFIG');
    await writeFile(file, (await readFile(file, 'utf8')).replace('    planes: [data]\n', ''));
    expect((await fails(ca, ['verify', '--inventory', file], 'ERR_CONFIG')).message).toMatch(/which plane/);
  });

  test.each([
    [['--trust', 'x']],
    [['--explain']],
    [['--at', '+1d']],
    [['--cert', 'x']],
    [['--format', 'pdf']],
    [['--format', 'junit', '--json']],
  ])('%j', async (args) => {
    const file = await inventory(cluster, [{ kind: 'files', dir: '/x' }]);
    await fails((words, options) => ca(words, options), ['verify', '--inventory', file, ...args], 2);
  });
});
