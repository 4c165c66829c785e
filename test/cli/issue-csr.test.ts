import { createPublicKey } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, expectExit, fails, words } from './checks.ts';
import type { IssueDocument, ListDocument } from './documents.ts';
import { contents, files } from './tree.ts';
import { certificates, certificateText, fingerprintOf, makeRequest, openssl } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const path = (name: string): string => join(cluster.directory, name);
const plain = await makeRequest(path('plain'));
const sign = (node: string, csr: string, ...more: string[]): string[] => [
  ...['issue', node, '--plane', 'data', '--csr', csr],
  ...more,
];

/** Whether the certificate of a file is of the key that openssl kept in KEY. */
async function isOf(file: string, key: string): Promise<boolean> {
  const [certificate] = certificates(await readFile(file, 'utf8'));
  const own = createPublicKey(await readFile(key, 'utf8'));
  return certificate?.publicKey.equals(own) ?? false;
}

describe('without --out the chain goes to stdout', () => {
  test('in text: two certificates and nothing else', async () => {
    const result = await ca(sign('n1', plain));
    expectExit(result, 0);
    const [own, issuing, ...rest] = certificates(result.stdout);
    expect(rest).toEqual([]);
    expect(own?.publicKey.equals(createPublicKey(await readFile(path('plain.key'), 'utf8')))).toBe(true);
    expect(issuing && fingerprintOf(issuing)).toBe(
      cluster.made.authorities.find((authority) => authority.role === 'issuing')?.fingerprint,
    );
    expect(result.stdout.replaceAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g, '')).toBe('');
    expect(await files(out)).toEqual([]);
  });

  test('as pem under --json', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, sign('n2', plain));
    expect(made).toHaveLength(1);
    expect(certificates(made[0]?.pem ?? '')).toHaveLength(2);
    expect(made[0]).not.toHaveProperty('files');
    expect(made[0]?.subjectAltNames).toContain('DNS:n2.orders.internal');
  });
});

describe('with --out', () => {
  test('cert.pem and ca.pem are written, key.pem never', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, sign('n3', plain, '--out', out));
    expect((await files(out)).filter((name) => name.startsWith('n3/'))).toEqual(['n3/data/ca.pem', 'n3/data/cert.pem']);
    expect(await isOf(join(out, 'n3/data/cert.pem'), path('plain.key'))).toBe(true);
    expect(made[0]?.files).toEqual({
      certificate: join(out, 'n3/data/cert.pem'),
      trustBundle: join(out, 'n3/data/ca.pem'),
    });
  });

  test('its own key.pem stays as it is', async () => {
    const directory = await cluster.dir('out/n4/data');
    await writeFile(join(directory, 'key.pem'), await readFile(path('plain.key')), { mode: 0o600 });
    const before = (await contents(directory))['key.pem'];
    await done(ca, sign('n4', plain, '--out', out));
    expect((await contents(directory))['key.pem']).toBe(before);
  });

  test('a key.pem of another key: 6, and nothing is issued', async () => {
    const directory = await cluster.dir('out/n5/data');
    await writeFile(join(directory, 'key.pem'), await openssl(['genpkey', '-algorithm', 'ed25519']), { mode: 0o600 });
    const before = await contents(directory);
    await fails(ca, sign('n5', plain, '--out', out), 6);
    expect(await contents(directory)).toEqual(before);
    expect((await done<ListDocument>(ca, ['list', '--all', '--node', 'n5'])).certificates).toEqual([]);
  });

  test('again: unchanged', async () => {
    await done(ca, sign('n6', plain, '--out', out));
    const again = await done<IssueDocument>(ca, sign('n6', plain, '--out', out));
    expect([again.certificates.length, again.unchanged.length]).toEqual([0, 1]);
  });

  test('with another key: a new one', async () => {
    await done(ca, sign('n7', plain, '--out', out));
    const other = await makeRequest(path('other'));
    const { certificates: made } = await done<IssueDocument>(ca, sign('n7', other, '--out', out));
    expect(made).toHaveLength(1);
    expect(await isOf(join(out, 'n7/data/cert.pem'), path('other.key'))).toBe(true);
  });
});

describe('what is taken from a request', () => {
  test.each([
    ['PEM', []],
    ['DER', ['-outform', 'DER']],
  ])('%s is read', async (form, flags) => {
    await openssl(['req', '-in', plain, ...flags, '-out', path(`form.${form}`)]);
    await done(ca, sign(`form-${form.toLowerCase()}`, path(`form.${form}`)));
  });

  test.each([
    ['RSA 2048', 'rsa', ['-newkey', 'rsa:2048']],
    ['P-384', 'p384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['Ed25519', 'ed', ['-newkey', 'ed25519']],
  ])('a key of %s', async (_, name, key) => {
    const csr = await makeRequest(path(`key-${name}`), { key });
    await done(ca, sign(`key-${name}`, csr, '--out', out));
    expect(await isOf(join(out, `key-${name}/data/cert.pem`), path(`key-${name}.key`))).toBe(true);
  });

  test('its names, where the command names none', async () => {
    const extensions = ['subjectAltName=DNS:named.orders.internal,IP:10.9.8.7'];
    const csr = await makeRequest(path('named'), { extensions });
    const { certificates: made } = await done<IssueDocument>(ca, sign('named', csr));
    expect(made[0]?.subjectAltNames.slice().sort()).toEqual([
      'DNS:named.orders.internal',
      'IP:10.9.8.7',
      'URI:spiffe://orders.internal/node/named/data',
    ]);
  });

  test('the command’s names instead of its own', async () => {
    const csr = path('named.pem');
    const { certificates: made } = await done<IssueDocument>(ca, sign('named2', csr, '--dns', 'cmd.orders.internal'));
    expect(made[0]?.subjectAltNames).toContain('DNS:cmd.orders.internal');
    expect(made[0]?.subjectAltNames).not.toContain('DNS:named.orders.internal');
  });

  test('never its subject, nor other extensions', async () => {
    const csr = await makeRequest(path('extra'), {
      subject: '/O=Evil/CN=root',
      extensions: [
        'keyUsage=keyCertSign,cRLSign',
        'extendedKeyUsage=codeSigning,OCSPSigning',
        'certificatePolicies=1.2.3.4',
        'nameConstraints=permitted;DNS:evil.example',
        '1.3.6.1.4.1.99999.1=ASN1:UTF8String:surprise',
      ],
    });
    const { certificates: made } = await done<IssueDocument>(ca, sign('extra', csr, '--out', out));
    expect(made[0]?.subject).toBe('CN=extra');
    const text = await certificateText(join(out, 'extra/data/cert.pem'));
    expect(text).not.toMatch(/Evil|Certificate Sign|CRL Sign|Code Signing|OCSP|1\.2\.3\.4|evil\.example|surprise/);
    expect(text).toMatch(/TLS Web Server Authentication, TLS Web Client Authentication/);
  });

  test('CA:FALSE may be asked for', async () => {
    const csr = await makeRequest(path('not-ca'), { extensions: ['basicConstraints=CA:FALSE'] });
    await done(ca, sign('not-ca', csr));
  });
});

describe('what is refused: 5, and nothing is issued', () => {
  test.each([
    ['CA:TRUE', { extensions: ['basicConstraints=CA:TRUE'] }],
    ['critical CA:TRUE', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] }],
    ['a name outside the constraints', { extensions: ['subjectAltName=DNS:www.evil.example'] }],
    ['one such name of two', { extensions: ['subjectAltName=DNS:n1.orders.internal,DNS:evil.example'] }],
    ['an address outside the constraints', { extensions: ['subjectAltName=IP:8.8.8.8'] }],
    ['a wildcard that the command did not ask for', { extensions: ['subjectAltName=DNS:*.orders.internal'] }],
    ['another node’s URI', { extensions: ['subjectAltName=URI:spiffe://orders.internal/node/other/data'] }],
    ['an e-mail address', { extensions: ['subjectAltName=email:root@orders.internal'] }],
    ['RSA 1024', { key: ['-newkey', 'rsa:1024'] }],
    ['a curve that is none of ours', { key: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'] }],
  ])('%s', async (what, options) => {
    const csr = await makeRequest(path(`refused-${what.replaceAll(/[^a-zA-Z0-9]/g, '')}`), options);
    const error = await fails(ca, sign('refused', csr), 5);
    expect(words(error)).toMatch(/refused|evil\.example|8\.8\.8\.8|orders\.internal|CA|RSA|rsa|secp256k1|curve/);
    await fails(ca, sign('refused', csr, '--dry-run'), 5);
  });

  test('a broken self-signature', async () => {
    const der = Buffer.from((await readFile(plain, 'utf8')).replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    await writeFile(path('broken.der'), der);
    await fails(ca, sign('refused', path('broken.der')), 5);
  });

  test('list shows nothing', async () => {
    expect((await done<ListDocument>(ca, ['list', '--all', '--node', 'refused'])).certificates).toEqual([]);
  });
});

describe('a file that is no request: 2', () => {
  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['words', 'hello\n'],
    ['a PEM frame around nothing', '-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n'],
    ['half a request', '-----BEGIN CERTIFICATE REQUEST-----\nMIHoMIGQAgEA\n-----END CERTIFICATE REQUEST-----\n'],
    ['too big', 'A'.repeat(2_000_000)],
  ])('%s', async (what, content) => {
    const file = path(`no-request-${what.replaceAll(' ', '-')}`);
    if (content !== undefined) await writeFile(file, content);
    const result = await ca([...sign('refused', file), '--json']);
    // Inside the outline of a request everything wrong is a refusal; outside it is wrong input.
    expect(what === 'half a request' ? [2, 5] : [2]).toContain(result.code);
    expect(result.stdout).toBe('');
    expect(result.error().error.message).toContain(file);
  });

  test('a certificate', async () => {
    await fails(ca, sign('refused', join(cluster.keystore, 'public/trust-bundle.pem')), 2);
  });
});

describe('--csr-dir', () => {
  test('takes what request made, in bulk, and writes beside it', async () => {
    const directory = await cluster.dir('requests');
    for (const node of ['b1', 'b2']) await done(ca, ['request', node, '--out', directory]);
    const keys = await contents(directory);
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', '--csr-dir', directory]);
    expect(made.map(({ node, plane }) => `${node}/${plane}`).sort()).toEqual([
      'b1/control',
      'b1/data',
      'b2/control',
      'b2/data',
    ]);
    const after = await contents(directory);
    for (const { node, plane, files: written } of made) {
      const place = join(directory, node, plane ?? '');
      expect(written).toEqual({ certificate: join(place, 'cert.pem'), trustBundle: join(place, 'ca.pem') });
      expect(await isOf(join(place, 'cert.pem'), join(place, 'key.pem'))).toBe(true);
      for (const name of ['key.pem', 'request.pem'])
        expect(after[`${node}/${plane}/${name}`]).toBe(keys[`${node}/${plane}/${name}`]);
    }
  });

  test('a NODE narrows it', async () => {
    const directory = await cluster.dir('narrowed');
    for (const node of ['c1', 'c2']) await done(ca, ['request', node, '--out', directory]);
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', 'c2', '--csr-dir', directory]);
    expect(made.map(({ node }) => node)).toEqual(['c2', 'c2']);
    expect((await files(directory)).filter((name) => name.startsWith('c1/')).length).toBe(4);
  });

  test('a request that does not match its key.pem: 6 for it', async () => {
    const directory = await cluster.dir('mismatched');
    await done(ca, ['request', 'd1', '--plane', 'data', '--out', directory]);
    await writeFile(join(directory, 'd1/data/request.pem'), await readFile(plain));
    const before = await contents(directory);
    await fails(ca, ['issue', '--csr-dir', directory], 6);
    expect(await contents(directory)).toEqual(before);
  });

  test('a bad request is refused by name', async () => {
    const directory = await cluster.dir('bad');
    await mkdir(join(directory, 'e1/data'), { recursive: true });
    const csr = await makeRequest(path('bulk-ca'), { extensions: ['basicConstraints=CA:TRUE'] });
    await writeFile(join(directory, 'e1/data/request.pem'), await readFile(csr));
    expect(words(await fails(ca, ['issue', '--csr-dir', directory], 5))).toContain('e1');
  });

  test('a directory that is absent: 2', async () => {
    await fails(ca, ['issue', '--csr-dir', path('nowhere')], 2);
  });
});
