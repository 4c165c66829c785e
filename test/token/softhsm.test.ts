import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { done, expectExit, fails, words } from '../cli/checks.ts';
import { CLUSTER_CA, cli, type RunOptions, type RunResult, run } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { freePort } from '../support/ports.ts';
import { describeWithToken, SoftHsm } from '../support/softhsm.ts';

const place = await newPlace('token');
const path = (name: string): string => join(place.directory, name);
const keystore = path('keystore');
const PIN = ['--pin-file', path('hsm/pin')];
let hsm: SoftHsm;
let env: Record<string, string>;

const ca = (args: string[], options: RunOptions = {}): Promise<RunResult> =>
  cli(args, { cwd: place.directory, ...options, env: { ...env, ...options.env } });
const withToken = (args: string[]): Promise<RunResult> => ca([...args, ...PIN]);
const init = (name: string, ...args: string[]) => ['init', name, '--keystore', path(name), ...args];
const sealed = async (of: string) =>
  Promise.all(
    (await readdir(join(of, 'sealed'))).map(async (name) =>
      JSON.parse(await readFile(join(of, 'sealed', name), 'utf8')),
    ),
  );

const describeToken = await describeWithToken();

describeToken('a CA whose keys are in a token', () => {
  beforeAll(async () => {
    hsm = await SoftHsm.make(await place.dir('hsm'), 'orders', 'vault');
    env = { ...place.env, ...hsm.env, CLUSTER_CA_KEYSTORE: keystore, CLUSTER_CA_KEY_FILE: path('key') };
    await done(withToken, ['init', 'orders', '--token', hsm.uri('orders')]);
  });

  test('the keystore has the audit key, and names where the others are', async () => {
    const files = await sealed(keystore);
    expect(files.map(({ type, algorithm }) => `${type} ${algorithm}`).sort()).toEqual([
      'sealed-key ed25519',
      'token-key ecdsa-p256',
      'token-key ecdsa-p256',
    ]);
    for (const { uri } of files.filter(({ type }) => type === 'token-key'))
      expect(uri).toMatch(/^pkcs11:token=orders;serial=/);
  });

  test('the token does not let them out', async () => {
    const script = (slot: number): string => `
      const { Crypto } = require('node-webcrypto-p11');
      const pin = '${SoftHsm.PIN}';
      const crypto = new Crypto({ library: ${JSON.stringify(hsm.library)}, slot: ${slot}, readWrite: true, pin });
      (async () => {
        const out = [];
        for (const name of await crypto.keyStorage.keys()) {
          const key = await crypto.keyStorage.getItem(name);
          if (key.type !== 'private') continue;
          const format = await crypto.subtle.exportKey('pkcs8', key).then(() => 'exported', () => 'refused');
          const kept = key.p11Object.getAttribute({ sensitive: null, extractable: null, neverExtractable: null });
          out.push([format, kept.sensitive, kept.extractable, kept.neverExtractable].join(' '));
        }
        console.log(JSON.stringify(out));
      })();`;
    const found: string[] = [];
    // In which order the two tokens come is the library's affair.
    for (const slot of [0, 1]) {
      const cwd = join(import.meta.dirname, '../..');
      found.push(...(await run(process.execPath, ['-e', script(slot)], { env: { ...hsm.env }, cwd })).json());
    }
    expect(found).toEqual(new Array(2).fill('refused true false true'));
  });

  test('issue, one and many; openssl finds nothing wrong', async () => {
    await done(withToken, ['issue', 'n1', '--out', path('out')]);
    const many = Array.from({ length: 40 }, (_, i) => `m${i}`);
    const { certificates } = await done<{ certificates: unknown[] }>(withToken, [
      'issue',
      ...many,
      '--plane',
      'data',
      '--out',
      path('out'),
    ]);
    expect(certificates.length).toBe(40);
    await done(withToken, ['issue', 'a1', 'a2', '--out', path('out.tar')]);
    for (const name of ['n1', 'm0', 'm39']) {
      const of = (file: string): string => path(`out/${name}/data/${file}`);
      const checked = await run('openssl', [
        'verify',
        '-x509_strict',
        '-CAfile',
        of('ca.pem'),
        '-untrusted',
        of('cert.pem'),
        of('cert.pem'),
      ]);
      expect(checked.stdout).toContain('OK');
    }
    await done(ca, ['verify', 'n1', '--plane', 'data']);
  });

  test('rotate, revoke, CRLs of both levels', async () => {
    await done(withToken, ['rotate', 'n1', '--out', path('out')]);
    await done(withToken, ['revoke', 'm1', '--yes']);
    await done(withToken, ['crl', '--renew', '--authority', 'root-g1']);
    await writeFile(path('crl.pem'), (await ca(['crl'])).stdout);
    const of = (name: string, file: string): string => path(`out/${name}/data/${file}`);
    const check = (name: string) =>
      run('openssl', [
        'verify',
        '-crl_check_all',
        '-CRLfile',
        path('crl.pem'),
        '-CAfile',
        of(name, 'ca.pem'),
        '-untrusted',
        of(name, 'cert.pem'),
        of(name, 'cert.pem'),
      ]);
    expect((await check('m2')).stdout).toContain('OK');
    expect((await check('m1')).stderr).toContain('certificate revoked');
  });

  test('keystore check opens them with the PIN, and says what it skipped without', async () => {
    expect(await done(withToken, ['keystore', 'check'])).toMatchObject({ unsealed: true });
    const { warnings, ...checked } = await done(ca, ['keystore', 'check']);
    expect(warnings?.join()).toContain('no PIN of the token orders was given: whether its keys open was not checked');
    expect(checked).toMatchObject({ valid: true, unsealed: false });
    // A wrong PIN is no damage.
    await writeFile(path('mistyped'), '4321', { mode: 0o600 });
    await fails(ca, ['keystore', 'check', '--pin-file', path('mistyped')], 'ERR_PASSPHRASE');
  });

  test('a backup says that they are not in it; restored, it works with the token and fails without', async () => {
    const { warnings } = await done(ca, ['keystore', 'backup', '--out', path('backup')]);
    expect(warnings?.filter((text) => text.includes('not in this backup'))).toHaveLength(2);
    // Another machine: it has its own anchors.
    const machine = { env: { XDG_STATE_HOME: await place.dir('machine') } };
    await done(ca, ['keystore', 'restore', path('backup'), '--keystore', path('restored')], machine);
    await done(ca, ['issue', 'r1', '--keystore', path('restored'), '--out', path('r-out'), ...PIN], machine);
    const elsewhere = await SoftHsm.make(await place.dir('elsewhere'), 'orders');
    const lost = { env: { ...machine.env, ...elsewhere.env } };
    const issue = ['issue', 'r2', '--keystore', path('restored'), '--out', path('r-out'), ...PIN];
    expect((await fails(ca, issue, 'ERR_NOT_FOUND', lost)).message).toContain('token orders');
    // The keystore is whole: it is the token that is not there.
    const check = ['keystore', 'check', '--keystore', path('restored'), ...PIN];
    expect((await fails(ca, check, 'ERR_NOT_FOUND', lost)).message).toBe('there is no token orders');
  });

  test('no PIN 2, a wrong one 12, and nothing of it in any output', async () => {
    const issue = ['issue', 'n3', '--out', path('out')];
    expect((await fails(ca, issue, 'ERR_INPUT_REQUIRED')).hint).toContain('--pin-file');
    await writeFile(path('wrong'), '847261', { mode: 0o600 });
    const error = await fails(ca, [...issue, '--pin-file', path('wrong')], 'ERR_PASSPHRASE');
    expect(words(error)).not.toContain('847261');
    await writeFile(path('open'), '1234', { mode: 0o644 });
    await fails(ca, [...issue, '--pin-file', path('open')], 'ERR_KEYSTORE_PERMISSIONS');
    await done((args, options) => ca(args, { ...options, descriptors: ['1234\n'] }), [...issue, '--pin-fd', '3']);
  });

  test('what is no token of ours: refused before anything is made', async () => {
    const cases: [string, Parameters<typeof fails>[2]][] = [
      [`${hsm.uri('orders')}&pin-value=1`, 'ERR_USAGE'],
      [hsm.uri('orders').replace('?', ';object=x?'), 'ERR_USAGE'],
      ['pkcs11:token=orders', 'ERR_USAGE'],
      ['pkcs11:token=orders?module-path=/nonexistent.so', 'ERR_CONFIG'],
      [hsm.uri('nobody'), 'ERR_NOT_FOUND'],
      [`pkcs11:manufacturer=SoftHSM%20project?module-path=${hsm.library}`, 'ERR_USAGE'],
    ];
    for (const [uri, code] of cases) await fails(withToken, init('refused', '--token', uri), code);
    expect(await readdir(place.directory)).not.toContain('refused');
  });

  test('new master keys: the keys stay where they are', async () => {
    await done(withToken, init('wrapped', '--token', hsm.uri('orders')));
    const at = ['--keystore', path('wrapped')];
    await done(ca, ['keystore', 'rewrap', '--confirm', 'wrapped', ...at]);
    const epochs = (await sealed(path('wrapped'))).map(({ type, epoch }) => `${type} ${epoch}`);
    expect(epochs.sort()).toEqual(['sealed-key 2', 'token-key 2', 'token-key 2']);
    await done(withToken, ['issue', 'w1', ...at, '--out', path('wrapped-out')]);
  });

  test('the root in a token of its own, and RSA; the PIN where the URI says', async () => {
    const tokens = ['--token', hsm.uri('orders', true), '--root-token', hsm.uri('vault', true)];
    await done(ca, init('both', '--key-type', 'rsa-3072', ...tokens));
    const uris = (await sealed(path('both'))).flatMap(({ domain, uri }) =>
      uri === undefined ? [] : [`${domain} ${/token=(\w+)/.exec(uri)?.[1]}`],
    );
    expect(uris.sort()).toEqual(['daily orders', 'root vault']);
    await done(ca, ['issue', 'b1', '--keystore', path('both'), '--out', path('both-out')]);
    await hsm.removeToken('vault');
    await done(ca, ['issue', 'b2', '--keystore', path('both'), '--out', path('both-out')]);
    await fails(ca, ['crl', '--renew', '--authority', 'root-g1', '--keystore', path('both')], 'ERR_NOT_FOUND');
  });

  test('the root offline in files, the issuing CA in the token', async () => {
    await done(
      withToken,
      init('split', '--key-type', 'ecdsa-p384', '--token', hsm.uri('orders'), '--root-keystore', path('medium')),
    );
    expect((await sealed(path('medium'))).map(({ type }) => type)).toEqual(['sealed-key']);
    await done(withToken, ['issue', 's1', '--keystore', path('split'), '--out', path('split-out')]);
    const chain = await readFile(path('split-out/s1/data/cert.pem'), 'utf8');
    expect(new X509Certificate(chain).toString()).toContain('BEGIN');
  });

  test('serve: its own certificate and the first request are signed in the token', async () => {
    await done(ca, ['keystore', 'slot', 'add', 'serve', '--new-key-file', path('serve.key')]);
    const port = await freePort();
    const args = [
      'serve',
      '--listen',
      `127.0.0.1:${port}`,
      '--key-file',
      path('serve.key'),
      ...PIN,
      '--json',
      '--no-input',
    ];
    const { CLUSTER_CA_KEY_FILE: _, ...own } = env;
    const child = spawn(process.execPath, [CLUSTER_CA, ...args], {
      env: { PATH: process.env.PATH ?? '', ...own },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      const said = await new Promise<string>((resolve, reject) => {
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          if (text.includes('"listening"')) resolve(text);
        });
        child.on('close', (code) => reject(new Error(`serve ended with ${code}: ${text}`)));
      });
      expect(said).toContain(String(port));
      const of = (file: string): string => path(`out/n1/data/${file}`);
      const shown = await run(
        'openssl',
        [
          's_client',
          '-connect',
          `127.0.0.1:${port}`,
          '-CAfile',
          of('ca.pem'),
          '-cert',
          of('cert.pem'),
          '-key',
          of('key.pem'),
          '-verify_return_error',
          '-brief',
        ],
        { input: '' },
      );
      expect(shown.stderr).toContain('Verification: OK');
    } finally {
      child.kill('SIGKILL');
    }
  });
});

test('without the package the error says what to install; the rest works', async () => {
  const at = path('bare');
  await cp(join(import.meta.dirname, '../../dist'), join(at, 'dist'), { recursive: true });
  await cp(join(import.meta.dirname, '../../bin'), join(at, 'bin'), { recursive: true });
  await cp(join(import.meta.dirname, '../../package.json'), join(at, 'package.json'));
  const bare = (args: string[], options: RunOptions = {}) =>
    run(process.execPath, [join(at, 'bin/cluster-ca'), ...args], {
      ...options,
      env: { ...place.env, CLUSTER_CA_KEY_FILE: path('bare.key') },
    });
  const library = path('library.so');
  await writeFile(library, '');
  const error = await fails(bare, init('bare-token', '--token', `pkcs11:token=x?module-path=${library}`), 'ERR_CONFIG');
  expect(words(error)).toContain('node-webcrypto-p11');
  expectExit(await bare(init('bare-files')), 0);
});
