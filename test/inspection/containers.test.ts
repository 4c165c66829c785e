import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { isClusterCaError } from '../../src/errors.ts';
import { openPkcs12 } from '../../src/inspecting/open-pkcs12.ts';
import { readContainer } from '../../src/inspection/container.ts';
import { done, expectSafe, fails } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';
import { mutate, seeded } from '../support/mutate.ts';

const cluster = await newCluster();
const { ca, out } = cluster;
const file = (name: string): string => join(out, name);
const PASSWORD = 'correct horse battery';

await done(ca, ['issue', 'n1', '--plane', 'data']);
await done(ca, ['crl', '--out', file('crl.pem')]);
const [cert, key, root] = ['cert.pem', 'key.pem', 'ca.pem'].map((name) => file(`n1/data/${name}`)) as [
  string,
  string,
  string,
];
writeFileSync(file('password'), `${PASSWORD}\n`, { mode: 0o600 });
writeFileSync(file('wrong'), 'another passphrase\n', { mode: 0o600 });
const opened = ['--export-password-file', file('password')];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

const p12 = (name: string, ...flags: string[]): string => {
  const path = file(name);
  openssl(
    'pkcs12',
    '-export',
    '-in',
    cert,
    '-inkey',
    key,
    '-name',
    'my node',
    '-passout',
    `pass:${PASSWORD}`,
    '-out',
    path,
    ...flags,
  );
  return path;
};

interface Subject {
  kind: string;
  subject?: string;
  certificates?: { subject: string }[];
  belongsTo?: string[];
  encrypted?: boolean;
}

interface Container {
  kind: string;
  opened: boolean;
  mac?: { algorithm: string; cost: string };
  parts: { encryption?: { cipher: string; kdf: string; cost?: string }; contents?: string[] }[];
  friendlyNames: string[];
  problems: { code: string }[];
  others?: Subject[];
}

const inspect = (path: string, ...args: string[]) => done<Container>(ca, ['inspect', path, ...args]);

describe('PKCS#12', () => {
  let modern: string;
  beforeAll(() => {
    modern = p12('modern.p12');
  });

  test('without its password: how it is protected', async () => {
    const seen = await inspect(modern);
    expect(seen).toMatchObject({ kind: 'pkcs12', opened: false, mac: { algorithm: 'sha256', cost: '2048' } });
    expect(seen.parts).toEqual([
      { encryption: { cipher: 'aes-256-cbc', kdf: 'pbkdf2', cost: '2048' } },
      { contents: ['encrypted-key'] },
    ]);
    expect(seen.others).toMatchObject([{ kind: 'private-key', encrypted: true }]);
  });

  test('with it: the certificates, and that the key is theirs', async () => {
    const seen = await inspect(modern, ...opened);
    expect(seen).toMatchObject({ opened: true, friendlyNames: ['my node'] });
    const [chain, own] = seen.others as [Subject, Subject];
    expect(chain.certificates?.map(({ subject }) => subject)).toEqual(['CN=n1', 'CN=orders Issuing CA G1.1']);
    expect(own).toMatchObject({ kind: 'private-key', encrypted: false, belongsTo: [expect.any(String)] });
    expect(seen.problems.map(({ code }) => code)).not.toContain('key-mismatch');
  });

  test.each([
    ['3DES', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
    ['SHA-512', ['-macalg', 'sha512', '-keypbe', 'aes-128-cbc', '-certpbe', 'aes-192-cbc']],
    ['many rounds', ['-iter', '200000']],
    ['no encryption of the certificates', ['-certpbe', 'NONE']],
    ['no MAC', ['-nomac']],
    ['with a CA file', ['-certfile', root]],
  ])('made by openssl with %s', async (name, flags) => {
    const seen = await inspect(p12(`${name.replaceAll(' ', '-')}.p12`, ...flags), ...opened);
    expect(JSON.stringify(seen.others)).toContain('CN=n1');
    expect(seen.others?.some((one) => one.kind === 'private-key' && one.belongsTo?.length === 1)).toBe(true);
  });

  test('one that cluster-ca made', async () => {
    await done(ca, [
      'export',
      'n1',
      '--plane',
      'data',
      '--format',
      'p12',
      '--from',
      out,
      '--out',
      file('own.p12'),
      ...opened,
    ]);
    const seen = await inspect(file('own.p12'), ...opened);
    expect(seen.friendlyNames).toContain('n1/data');
    expect(seen.problems).toEqual([]);
  });

  test('RC2 is named, and not opened', async () => {
    const legacy = p12('legacy.p12', '-legacy');
    const seen = await inspect(legacy, ...opened);
    expect(seen.problems.map(({ code }) => code)).toEqual(expect.arrayContaining(['not-supported', 'weak-encryption']));
  });

  test('a wrong password: 12', async () => {
    await fails(ca, ['inspect', modern, '--export-password-file', file('wrong')], 'ERR_PASSPHRASE');
    await fails(
      ca,
      ['inspect', p12('no-mac.p12', '-nomac'), '--export-password-file', file('wrong')],
      'ERR_PASSPHRASE',
    );
  });

  test('a password for what has none, or that others can read', async () => {
    await fails(ca, ['inspect', cert, ...opened], 'ERR_USAGE');
    writeFileSync(file('open'), PASSWORD);
    chmodSync(file('open'), 0o644);
    await fails(ca, ['inspect', modern, '--export-password-file', file('open')], 'ERR_KEYSTORE_PERMISSIONS');
  });

  test('its key is never shown', async () => {
    const body = readFileSync(key, 'utf8')
      .split('\n')
      .filter((line) => line.length >= 40 && !line.startsWith('-'));
    for (const flags of [[], ['--json'], ['--pem'], ['--debug']]) {
      const { stdout, stderr } = await ca(['inspect', modern, ...opened, ...flags]);
      for (const line of body) expect(stdout + stderr).not.toContain(line);
      expect(stdout + stderr).not.toContain(PASSWORD);
      expectSafe(stdout);
    }
  });

  test('--pem gives the certificates; without the password it says what is missing', async () => {
    const { stdout } = await ca(['inspect', modern, '--pem', ...opened]);
    expect(stdout).toBe(readFileSync(cert, 'utf8'));
    expect((await ca(['inspect', modern, '--pem'])).code).toBe(2);
  });

  test('compares by its certificate', async () => {
    const compared = await done<{ identical: boolean }>(ca, ['inspect', modern, cert, ...opened]);
    expect(compared.identical).toBe(true);
  });
});

describe('PKCS#7', () => {
  test.each([
    ['PEM', []],
    ['DER', ['-outform', 'DER']],
  ])('%s: certificates and CRLs', async (form, flags) => {
    const path = file(`bundle.${form}`);
    openssl('crl2pkcs7', '-in', file('crl.pem'), '-certfile', cert, '-out', path, ...flags);
    const seen = await done<{ kind: string; certificateCount: number; crlCount: number; others: Subject[] }>(ca, [
      'inspect',
      path,
    ]);
    expect(seen).toMatchObject({ kind: 'pkcs7', certificateCount: 2 });
    expect(seen.crlCount).toBeGreaterThan(0);
    expect(seen.others.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['chain', 'crl']));
    expect((await ca(['inspect', path, '--pem'])).stdout).toContain(readFileSync(cert, 'utf8').slice(0, 400));
  });
});

describe('broken and hostile files end in a typed error, soon', () => {
  test('mutated PKCS#12 and PKCS#7', () => {
    openssl('crl2pkcs7', '-nocrl', '-certfile', cert, '-outform', 'DER', '-out', file('seed.p7b'));
    const password = new TextEncoder().encode(PASSWORD);
    for (const path of [file('seed.p7b'), p12('seed.p12', '-iter', '1', '-nomaciter')]) {
      const random = seeded(7);
      const seed = readFileSync(path);
      for (let i = 0; i < 3000; i++)
        try {
          readContainer(mutate(seed, random), (parsed) => openPkcs12(parsed, password, 'x'));
        } catch (error) {
          if (!isClusterCaError(error)) throw error;
        }
    }
  });
});

describe('directories', () => {
  interface Entry {
    file: string;
    kind: string;
    belongsTo?: string[];
  }
  const place = file('mixed');
  beforeAll(() => {
    mkdirSync(join(place, 'sub'), { recursive: true });
    writeFileSync(join(place, 'sub/cert.pem'), readFileSync(cert));
    writeFileSync(join(place, 'my.key'), readFileSync(key));
    openssl('genpkey', '-algorithm', 'ed25519', '-out', join(place, 'other.key'));
    writeFileSync(join(place, 'notes.txt'), 'hello');
    writeFileSync(join(place, '.hidden'), readFileSync(cert));
  });

  test('every file with what it is, and whose each key is', async () => {
    const seen = await done<{ kind: string; files: Entry[]; unrecognised: string[] }>(ca, ['inspect', `${place}/`]);
    expect(seen).toMatchObject({ kind: 'directory', unrecognised: ['notes.txt'] });
    expect(seen.files.map(({ file: name, kind, belongsTo }) => [name, kind, belongsTo])).toEqual([
      ['my.key', 'private-key', ['sub/cert.pem']],
      ['other.key', 'private-key', []],
      ['sub/cert.pem', 'chain', undefined],
    ]);
    expect((await ca(['inspect', `${place}/`])).stdout).toContain('belongs to no file here');
  });

  test('a key: what has it beside it, and in the keystore', async () => {
    const seen = await done<{ owners: { where: string; file?: string; node?: string }[] }>(ca, ['inspect', key]);
    expect(seen.owners).toMatchObject([
      { where: 'directory', file: cert },
      { where: 'keystore', node: 'n1', plane: 'data', status: 'valid' },
    ]);
    const lonely = await done<{ owners: unknown[] }>(ca, ['inspect', join(place, 'other.key')]);
    expect(lonely.owners).toEqual([]);
  });
});

describe('records of the log', () => {
  const record = (seq: number): string => join(cluster.keystore, 'log/0', String(seq));

  test('what it says, its signature, and that it follows the one before', async () => {
    const seen = await done(ca, ['inspect', record(1)]);
    expect(seen).toMatchObject({
      kind: 'record',
      seq: 1,
      op: 'reserve',
      signature: 'valid',
      follows: true,
      problems: [],
    });
    expect((await ca(['inspect', record(1)])).stdout).toMatch(/signature +valid/);
  });

  test('a changed one, and one outside of a keystore', async () => {
    const text = readFileSync(record(1), 'utf8');
    writeFileSync(file('record'), text);
    expect(await done(ca, ['inspect', './record'])).toMatchObject({ signature: 'not-checked' });
    const place = file('changed/log/0');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, '../../KEYSTORE'), readFileSync(join(cluster.keystore, 'KEYSTORE')));
    writeFileSync(join(place, '1'), text.replace(/"actor":"./, '"actor":"X'));
    expect(await done(ca, ['inspect', join(place, '1')])).toMatchObject({ signature: 'invalid' });
  });
});

test('a serial has what the log says of it', async () => {
  await done(ca, ['issue', 'gone', '--plane', 'data']);
  const { certificates } = await done<{ certificates: { serial: string }[] }>(ca, ['inspect', 'gone']);
  const serial = certificates[0]?.serial as string;
  expect(await done(ca, ['inspect', serial])).toMatchObject({
    kind: 'certificate',
    issuedTo: 'node',
    node: 'gone',
    status: 'valid',
  });
  await done(ca, ['revoke', serial, '--yes', '--reason', 'keyCompromise']);
  const seen = await done(ca, ['inspect', serial]);
  expect(seen).toMatchObject({
    status: 'revoked',
    revocationReason: 'keyCompromise',
    plane: 'data',
    authority: 'issuing-g1.1',
  });
  expect((await ca(['inspect', serial])).stdout).toMatch(/revoked/);
});
