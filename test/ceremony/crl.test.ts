import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import { type RunOptions, run } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';

// The root's CRL, by a root whose medium never comes to the machine that has the keystore.
const here = await newPlace('here');
const there = await newPlace('there');
const at = (name: string): string => join(here.directory, name);
const off = (name: string): string => join(there.directory, name);
const env = { ...here.env, CLUSTER_CA_KEYSTORE: at('keystore'), CLUSTER_CA_KEY_FILE: at('key') };
const online = (args: string[], options: RunOptions = {}) => warmCli(args, { cwd: here.directory, ...options, env });
/** Another machine: it has the medium, its secret, and what is carried to it. */
const offline = (args: string[]) => warmCli(args, { cwd: there.directory, env: { ...there.env } });
const PASSPHRASE = 'the passphrase of the root';

await writeFile(off('secret'), PASSPHRASE, { mode: 0o600 });
await done(online, ['init', 'orders', '--root-keystore', at('medium'), '--root-passphrase-file', off('secret')]);
await rename(at('medium'), off('medium'));
const ask = (name: string) => ['crl', '--renew', '--authority', 'root-g1', '--request', at(name)];
const sign = (name: string, out: string, ...more: string[]) => [
  'crl',
  '--sign',
  at(name),
  '--root-keystore',
  off('medium'),
  '--root-passphrase-file',
  off('secret'),
  '--out',
  off(out),
  ...more,
];
interface Transcript {
  request: string;
  crl: string;
  number: string;
  root: string;
  recorded: boolean;
}

test('request here, signed there, accepted here: each step says the same', async () => {
  const records = async () => (await readdir(at('keystore/log/0'))).length;
  const before = await records();
  const asked = await done<Transcript>(online, ask('request'));
  expect(await records()).toBe(before);
  const signed = await done<Transcript>(offline, sign('request', 'answer'));
  expect([signed.request, signed.number, signed.root]).toEqual([asked.request, asked.number, asked.root]);
  const taken = await done<Transcript>(online, ['crl', '--accept', off('answer')]);
  expect([taken.recorded, taken.crl, taken.request]).toEqual([true, signed.crl, asked.request]);
  const text = await offline(sign('request', 'again'));
  expect(text.stdout).toContain(signed.request);
  const crls = await done<{ crls: { authority: string; number: string }[] }>(online, ['crl']);
  expect(crls.crls.find(({ authority }) => authority === 'root-g1')?.number).toBe(asked.number);
  await writeFile(at('crl.pem'), (await online(['crl', '--authority', 'root-g1'])).stdout);
  const checked = await run('openssl', [
    'crl',
    '-in',
    at('crl.pem'),
    '-CAfile',
    at('keystore/public/trust-bundle.pem'),
    '-noout',
  ]);
  expect(checked.stderr).toContain('verify OK');
  // Again it is there already; the log is whole.
  expect((await done<Transcript>(online, ['crl', '--accept', off('answer')])).recorded).toBe(false);
  await done(online, ['audit', 'verify']);
});

test('an answer that is older than the log: 6', async () => {
  await done(online, ask('first'));
  await done(offline, sign('first', 'first-answer'));
  await done(online, ask('second'));
  await done(offline, sign('second', 'second-answer'));
  await done(online, ['crl', '--accept', off('second-answer')]);
  await fails(online, ['crl', '--accept', off('first-answer')], 'ERR_STATE');
});

test('a request that was changed, or is another keystore’s, is not signed; nor by a wrong secret', async () => {
  await writeFile(
    at('changed'),
    (await readFile(at('request'), 'utf8')).replace('"cluster":"orders"', '"cluster":"other!"'),
  );
  await fails(offline, sign('changed', 'x'), 'ERR_CONFIG');
  await fails(offline, ['crl', '--sign', at('key'), '--root-keystore', off('medium'), '--out', off('x')], 'ERR_CONFIG');
  await writeFile(off('wrong'), 'another passphrase of a root', { mode: 0o600 });
  await fails(offline, sign('request', 'x').with(6, off('wrong')), 'ERR_PASSPHRASE');
  expect(await readdir(there.directory)).not.toContain('x');
});

test('an answer with another CRL in it: refused', async () => {
  const answer = JSON.parse(await readFile(off('answer'), 'utf8'));
  const other = JSON.parse(await readFile(off('second-answer'), 'utf8'));
  await writeFile(at('mixed'), (await readFile(off('answer'), 'utf8')).replace(answer.crl, other.crl));
  await fails(online, ['crl', '--accept', at('mixed')], 'ERR_CONFIG');
});

test('steps that do not go together: 2', async () => {
  await fails(online, ['crl', '--request', at('x')], 'ERR_USAGE');
  await fails(online, ['crl', '--renew', '--authority', 'issuing-g1.1', '--request', at('x')], 'ERR_USAGE');
  await fails(online, ['crl', '--sign', at('request')], 'ERR_USAGE');
  await fails(online, ['crl', '--sign', at('request'), '--accept', at('x')], 'ERR_USAGE');
});
