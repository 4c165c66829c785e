import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseTokenUri } from '../../src/crypto/token/uri.ts';
import { done, expectExit, fails } from '../cli/checks.ts';
import { canTrace, injected, moments, wasKilled } from '../cli/strace.ts';
import { CLUSTER_CA, cli, type RunOptions, type RunResult, run } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { describeWithToken, SoftHsm } from '../support/softhsm.ts';

// Rollovers of CAs whose keys are in a token, and the keys that killed runs leave there.
const place = await newPlace('token-rollover');
const path = (name: string): string => join(place.directory, name);
let hsm: SoftHsm;
let env: Record<string, string>;

const ca = (args: string[], options: RunOptions = {}): Promise<RunResult> =>
  cli(args, { cwd: place.directory, ...options, env: { ...env, ...options.env } });
/** On a keystore of its own, with the PIN from the file that the URI names. */
const on =
  (name: string) =>
  (args: string[], options: RunOptions = {}): Promise<RunResult> =>
    ca([...args, '--keystore', path(name)], options);
const init = (name: string, ...args: string[]) => ['init', name, ...args];
const types = async (name: string): Promise<string[]> =>
  Promise.all(
    (await readdir(path(`${name}/sealed`))).map(
      async (file) => JSON.parse(await readFile(path(`${name}/sealed/${file}`), 'utf8')).type,
    ),
  );
const notes = async (): Promise<string[]> =>
  (await readdir(place.directory)).filter((name) => name.startsWith('.cluster-ca-token'));
const uris = async (name: string): Promise<string[]> => {
  const files = (await readdir(path(`${name}/sealed`))).map((file) => path(`${name}/sealed/${file}`));
  const keys = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, 'utf8'))));
  return keys.flatMap(({ uri }) => (uri === undefined ? [] : [uri as string]));
};
const labels = async (name: string) => (await uris(name)).map((uri) => parseTokenUri(uri).object ?? '');
const ofCluster = async (name: string) => (await hsm.keys()).filter((label) => label.startsWith(`${name} `));

async function inventory(name: string): Promise<string> {
  const file = path(`${name}.yaml`);
  const services = `[{ kind: files, dir: ${path(`${name}-n1`)} }]`;
  await writeFile(file, `cluster: ${name}\nnodes:\n  n1: { planes: [data], services: ${services} }\n`);
  await done(on(name), ['issue', '--inventory', file, '--out', path(`${name}-out`)]);
  await done(on(name), ['deploy', '--inventory', file, '--from', path(`${name}-out`), '--yes']);
  return file;
}

async function expectOpenssl(name: string): Promise<void> {
  const of = (file: string): string => path(`${name}-n1/${file}`);
  const checked = await run('openssl', [
    'verify',
    '-CAfile',
    of('ca.pem'),
    '-untrusted',
    of('cert.pem'),
    of('cert.pem'),
  ]);
  expect(checked.stdout).toContain('OK');
}

const describeToken = await describeWithToken();

describeToken('rollovers with keys in a token', () => {
  beforeAll(async () => {
    hsm = await SoftHsm.make(await place.dir('hsm'), 'orders', 'vault');
    env = { ...place.env, ...hsm.env, CLUSTER_CA_KEY_FILE: path('key') };
  });

  test('a new root to the end, and one taken back: the new keys are made there, the old ones are named', async () => {
    await done(on('shop'), init('shop', '--token', hsm.uri('orders', true), '--root-token', hsm.uri('vault', true)));
    const file = await inventory('shop');
    await done(on('shop'), ['rollover', 'start', '--yes']);
    expect(await ofCluster('shop')).toEqual([
      'shop Issuing CA G1.1',
      'shop Issuing CA G2.1',
      'shop Root CA G1',
      'shop Root CA G2',
    ]);
    const { phase, warnings } = await done<{ phase: string }>(on('shop'), [
      'rollover',
      'run',
      '--inventory',
      file,
      '--yes',
    ]);
    expect(phase).toBe('done');
    const named = warnings?.filter((text) => text.includes('pkcs11:')) ?? [];
    expect(named.map((text) => /object=([^;?]*)/.exec(text)?.[1]).sort()).toEqual([
      'shop%20Issuing%20CA%20G1.1',
      'shop%20Root%20CA%20G1',
    ]);
    await expectOpenssl('shop');
    expect((await types('shop')).sort()).toEqual(['sealed-key', 'token-key', 'token-key']);
    await done(on('shop'), ['rollover', 'start', '--yes']);
    await done(on('shop'), ['rollover', 'rollback', '--inventory', file, '--yes']);
    await done(on('shop'), ['keystore', 'check']);
    await done(on('shop'), ['issue', 'n2', '--out', path('shop-out')]);
    expect(await notes()).toEqual([]);
  });

  test('a new issuing CA; and the root’s CRL, with both keys where they are', async () => {
    const made = on('shop');
    await done(made, ['rollover', 'start', '--issuing', '--domain', 'more.internal', '--yes']);
    await done(made, ['issue', 'n9.more.internal', '--out', path('shop-out')]);
    await done(made, ['verify', 'n9.more.internal', '--plane', 'data']);
    const { authorities } = await done<{ authorities: { id: string; role: string; status: string }[] }>(made, [
      'inspect',
      `${path('shop')}/`,
    ]);
    const root = authorities.findLast(({ role, status }) => role === 'root' && status === 'valid');
    await done(made, ['crl', '--renew', '--authority', root?.id ?? '']);
    expect(await ofCluster('shop')).toContain('shop Issuing CA G2.2');
    expect(await notes()).toEqual([]);
  });

  test('a ceremony: the root’s key in a token of the other machine, a new root in it too', async () => {
    const made = on('far');
    await done(made, init('far', '--root-token', hsm.uri('vault', true), '--root-keystore', path('far-medium')));
    await rename(path('far-medium'), path('carried'));
    const sign = ['--root-keystore', path('carried'), '--out', path('far.answer'), '--yes'];
    await done(made, ['rollover', 'start', '--request', path('far.request')]);
    await done(ca, ['rollover', 'start', '--sign', path('far.request'), ...sign]);
    await done(ca, ['rollover', 'start', '--sign', path('far.request'), ...sign]);
    await done(made, ['rollover', 'start', '--accept', path('far.answer'), '--yes']);
    expect(await ofCluster('far')).toEqual(['far Root CA G1', 'far Root CA G2']);
    expect(await notes()).toEqual([]);
  });

  test('init --external-root --token: the key of the request, and of the next one, is in the token', async () => {
    const made = on('mail');
    const work = { cwd: await place.dir('company') };
    const openssl = async (...args: string[]) => expectExit(await run('openssl', args, work), 0);
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'root.key'];
    const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
    await openssl('req', '-x509', ...ec, '-out', 'root.pem', '-subj', '/CN=Company', '-days', '3650', ...usage);
    const sign = async (): Promise<void> => {
      const by = ['-CA', 'root.pem', '-CAkey', 'root.key', '-days', '1825', '-copy_extensions', 'copyall'];
      await openssl('x509', '-req', '-in', 'issuing.csr', ...by, '-out', 'issuing.pem');
      const files = await Promise.all(
        ['issuing.pem', 'root.pem'].map((name) => readFile(join(work.cwd, name), 'utf8')),
      );
      await writeFile(join(work.cwd, 'answer.pem'), files.join(''));
    };
    await done(made, init('mail', '--external-root', '--token', hsm.uri('orders', true)), work);
    expect(await ofCluster('mail')).toEqual(['mail Issuing CA G1.1']);
    await sign();
    await done(made, init('mail', '--issuing-cert', 'answer.pem'), work);
    await inventory('mail');
    await expectOpenssl('mail');
    await done(made, ['rollover', 'start', '--issuing'], work);
    await sign();
    await done(made, ['rollover', 'start', '--issuing', '--issuing-cert', 'answer.pem', '--yes'], work);
    expect(await ofCluster('mail')).toEqual(['mail Issuing CA G1.1', 'mail Issuing CA G1.2']);
    await done(made, ['issue', 'n1', '--plane', 'data', '--force-new', '--out', path('mail-out')]);
    await done(made, ['verify', 'n1', '--plane', 'data']);
    await done(made, ['keystore', 'check']);
  });

  // A key of one keystore went because of a note that somebody had laid beside another.
  test('a note that the keystore has not signed removes nothing, and is told of', async () => {
    const [key] = (await uris('mail')).filter((uri) => uri.includes('G1.1'));
    const { id } = parseTokenUri(key as string);
    const line = JSON.stringify({
      algorithm: 'ecdsa-p256',
      host: hostname(),
      pid: 4_000_000,
      start: 1,
      type: 'cluster-ca token note',
      uri: key,
      v: 1,
    });
    const note = path(`.cluster-ca-token.shop.${Buffer.from(id ?? []).toString('hex')}`);
    const before = await hsm.keys();
    for (const content of [`${line}\n`, `${line}\n${'5a'.repeat(64)}\n`]) {
      await writeFile(note, content);
      const { warnings } = await done(on('shop'), ['rollover', 'start', '--issuing', '--yes']);
      expect(warnings?.join()).toContain('has not signed that note');
    }
    expect(await hsm.keys()).toEqual(expect.arrayContaining(before));
    await rm(note);
    await done(on('mail'), ['issue', 'n5', '--out', path('mail-out')]);
  });

  test('what fails takes its keys back', async () => {
    const before = await hsm.keys();
    await writeFile(path('taken'), '');
    await fails(on('taken/below'), init('taken', '--token', hsm.uri('orders', true)), 'ERR_EXISTS').catch(() =>
      fails(on('taken/below'), init('taken', '--token', hsm.uri('orders', true)), 'ERR_STORAGE'),
    );
    await fails(on('shop'), ['rollover', 'start', '--backup', '/proc/none/backup', '--yes'], 'ERR_STORAGE');
    expect(await hsm.keys()).toEqual(before);
    expect(await notes()).toEqual([]);
  });
});

const describeKilled = canTrace ? describeToken : describe.skip;

describeKilled('keys that a killed run leaves in the token', () => {
  const target = () => ({ env: { PATH: process.env.PATH ?? '', ...env }, out: place.directory });
  /** A run whose notes are there again when it has come to its end. */
  const withNotes = async (args: string[]): Promise<void> => {
    const before = await notes();
    const seen = new Map<string, Buffer>();
    const look = async (): Promise<void> => {
      for (const name of (await notes()).filter((one) => !before.includes(one)))
        seen.set(name, await readFile(path(name)).catch(() => seen.get(name) ?? Buffer.alloc(0)));
    };
    const [running, looking] = [
      run(process.execPath, [CLUSTER_CA, ...args], { env: target().env }),
      new AbortController(),
    ];
    running.finally(() => looking.abort()).catch(() => {});
    while (!looking.signal.aborted) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const result = await running;
    expectExit(result, 0);
    for (const [name, bytes] of seen) await writeFile(path(name), bytes, { mode: 0o600 });
    expect(seen.size).toBe(2);
  };

  test('init: the next one names them, and removes nothing: a keystore that is elsewhere by now may have them', async () => {
    const args = [...init('gone', '--token', hsm.uri('orders', true)), '--keystore', path('gone'), '--json'];
    const others = await hsm.keys();
    // One that comes to its end, and whose notes stay: its keys are in use.
    await withNotes(args);
    await rename(path('gone'), path('elsewhere'));
    const all = await moments(target(), path('steps'), args);
    await rm(path('gone'), { recursive: true });
    const links = all.filter(([call]) => call === 'link');
    const kept = await hsm.keys();
    for (const moment of [links[0], links.at(-1)] as (readonly [string, number])[])
      expect(wasKilled(await injected(target(), moment, 'signal=SIGKILL', args))).toBe(true);
    const there = await hsm.keys();
    expect(there.length).toBeGreaterThan(kept.length);
    const { warnings } = await done(on('gone'), init('gone', '--token', hsm.uri('orders', true)));
    expect(warnings?.filter((text) => text.includes('pkcs11:token=orders;'))).toHaveLength(
      2 + there.length - kept.length,
    );
    expect(await hsm.keys()).toEqual([...there, ...(await labels('gone'))].sort());
    expect(there).toEqual(expect.arrayContaining(others));
    for (const name of ['gone', 'elsewhere']) await done(on(name), ['issue', 'n1', '--out', path(`${name}-out`)]);
    for (const name of await notes()) await rm(path(name));
  }, 240_000);

  test('rollover start: the next one removes them, and says so; what the log ever named stays', async () => {
    const args = ['rollover', 'start', '--yes', '--keystore', path('gone'), '--json'];
    await cp(path('gone'), path('aside'), { recursive: true });
    const all = await moments(target(), path('steps'), args);
    await rm(path('gone'), { recursive: true });
    await cp(path('aside'), path('gone'), { recursive: true });
    await done(on('gone'), ['keystore', 'check', '--accept-rollback', '--confirm', 'gone']);
    const kept = await hsm.keys();
    const links = all.filter(([call]) => call === 'link');
    for (const moment of links.slice(0, 6)) await injected(target(), moment, 'signal=SIGKILL', args);
    const left = (await hsm.keys()).length - kept.length;
    expect(left).toBeGreaterThan(0);
    // This one comes to its end, but its notes stay: the keys are the new CAs'.
    await withNotes(args);
    expect(await notes()).toHaveLength(left + 2);
    // A request for another makes a key, and finds what was left.
    await done(on('gone'), ['rollover', 'rollback', '--inventory', await empty(), '--yes']);
    const again = await done(on('gone'), args.slice(0, 3));
    expect(again.warnings?.join()).toContain('was removed there');
    // The new keys, those that were named and are done with, and what was there.
    expect((await hsm.keys()).length).toBe(kept.length + 4);
    expect(await notes()).toEqual([]);
    await done(on('gone'), ['keystore', 'check']);
    await done(on('gone'), ['issue', 'n1', '--force-new', '--out', path('gone-out')]);
  }, 240_000);

  async function empty(): Promise<string> {
    await writeFile(path('gone.yaml'), 'cluster: gone\nnodes:\n  n1: { planes: [control, data] }\n');
    return path('gone.yaml');
  }
});
