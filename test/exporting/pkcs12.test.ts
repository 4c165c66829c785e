import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import { run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith, program } from '../support/debian.ts';

const PASSWORD = 'correct horse battery staple';
const cluster = await newCluster();
const { ca, out, directory } = cluster;
const file = (name: string): string => join(directory, name);
await writeFile(file('password'), `${PASSWORD}\n`, { mode: 0o600 });
const KEY_TYPES = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'ed25519'];
for (const type of KEY_TYPES) await done(ca, ['issue', `n-${type}`, '--plane', 'data', '--key-type', type]);

const exported = new Set<string>();
/** The file of a node, exported when it is first asked for: the password costs a second each time. */
const made = async (node: string): Promise<string> => {
  const path = file(`${node}.p12`);
  if (exported.has(node)) return path;
  const password = ['--export-password-file', file('password')];
  await done(ca, ['export', node, '--format', 'p12', '--from', out, '--out', path, ...password]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  exported.add(node);
  return path;
};

describe.each(KEY_TYPES)('OpenSSL reads the file of a key of type %s', (type) => {
  test('key, chain, anchor, and algorithms of this century', async () => {
    const path = await made(`n-${type}`);
    const args = ['pkcs12', '-in', path, '-passin', `file:${file('password')}`, '-info', '-noenc'];
    const { stdout, stderr } = await run('openssl', args);
    expect(stderr).toMatch(/^MAC: sha256/m);
    expect(stderr.match(/PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256/g)).toHaveLength(2);
    const blocks = (label: string): string =>
      (stdout.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, 'g')) ?? []).join('\n');
    expect(stdout).toMatch(new RegExp(`^ +friendlyName: n-${type}/data\n( .*\n)*Key Attributes`, 'm'));
    const issued = await readFile(join(out, `n-${type}/data/key.pem`), 'utf8');
    expect(blocks('PRIVATE KEY')).toBe(issued.trim());
    const chain = await readFile(join(out, `n-${type}/data/cert.pem`), 'utf8');
    const anchor = await readFile(join(out, `n-${type}/data/ca.pem`), 'utf8');
    expect(blocks('CERTIFICATE')).toBe((chain + anchor).trim());
  });
});

test('another password does not open it', async () => {
  const { code } = await run('openssl', ['pkcs12', '-in', await made('n-ed25519'), '-passin', 'pass:wrong', '-noout']);
  expect(code).not.toBe(0);
});

const inJava = await describeWith('keytool');
inJava("Java's keytool", () => {
  const java = (...args: string[]) =>
    run(program('keytool'), args, { env: { JAVA_TOOL_OPTIONS: '-Duser.language=en' } });
  const password = `${file('password')}`;

  test('lists the key with its chain, and the root as an anchor', async () => {
    const path = await made('n-ecdsa-p256');
    const { stdout } = await java('-list', '-v', '-keystore', path, '-storepass:file', password);
    expect(stdout).toContain('Alias name: n-ecdsa-p256/data');
    expect(stdout).toContain('Entry type: PrivateKeyEntry');
    expect(stdout).toMatch(/Certificate chain length: [23]/);
    expect(stdout).toContain('Alias name: orders root-g1');
    expect(stdout).toContain('Entry type: trustedCertEntry');
  });

  test.each(['ecdsa-p256', 'rsa-2048'])('opens the key (%s): it goes into another keystore', async (type) => {
    const target = file(`${type}.jks`);
    const from = ['-srckeystore', await made(`n-${type}`), '-srcstorepass:file', password];
    const to = ['-destkeystore', target, '-deststorepass:file', password, '-deststoretype', 'PKCS12'];
    const { code, stdout, stderr } = await java('-importkeystore', '-noprompt', ...from, ...to);
    expect([code, stdout + stderr]).toEqual([0, expect.stringMatching(/2 entries successfully imported/)]);
  });
});

describe('the password', () => {
  const args = ['export', 'n-ecdsa-p256', '--format', 'p12', '--from', out, '--out', file('p.p12')];

  test('from a descriptor and from a command', async () => {
    await done(ca, [...args, '--export-password-fd', '3'], { descriptors: [PASSWORD] });
    await done(ca, [...args, '--export-password-command', `cat ${file('password')}`]);
  });

  test('none given: 2, naming the flag', async () => {
    const { hint } = await fails(ca, args, 'ERR_INPUT_REQUIRED');
    expect(hint).toContain('--export-password-file');
  });

  test("the keystore's passphrase is not taken for it", async () => {
    await fails(ca, args, 'ERR_INPUT_REQUIRED', { env: { CLUSTER_CA_PASSPHRASE: PASSWORD } });
  });

  test('too short: 5; readable by others: 13', async () => {
    await fails(ca, [...args, '--export-password-fd', '3'], 'ERR_POLICY', { descriptors: ['short'] });
    await writeFile(file('open'), PASSWORD, { mode: 0o644 });
    await fails(ca, [...args, '--export-password-file', file('open')], 13);
  });

  test('beyond ASCII: a warning, and OpenSSL opens it', async () => {
    const password = 'grüße aus dem süden 🔑';
    const { warnings } = await done(ca, [...args, '--export-password-fd', '3'], { descriptors: [password] });
    expect(warnings?.join()).toContain('ASCII');
    const { code } = await run('openssl', ['pkcs12', '-in', file('p.p12'), '-passin', 'stdin', '-noout'], {
      input: `${password}\n`,
    });
    expect(code).toBe(0);
  });
});
