import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { RunOptions, RunResult } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { expectExit } from './checks.ts';
import { RUNS, words } from './commands.ts';

// A planted secret never appears in any output, with --debug too, nor in any file that is not its own.
const place = await newPlace('secrets');
const out = await place.dir('out');
const PLANTED = 'planted-7f3a-passphrase';
const SECOND = 'planted-second-passphrase';
const WRONG = 'planted-wrong-passphrase';
const base = { ...place.env, CLUSTER_CA_KEYSTORE: join(place.directory, 'keystore') };
const keyFile = join(place.directory, 'key');
const said: string[] = [];

async function run(args: string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await warmCli(args, { cwd: out, ...options, env: { ...base, ...options.env } });
  said.push(result.stdout, result.stderr);
  return result;
}

const made = await run(['init', 'orders', '--key-file', keyFile, '--passphrase-fd', '3', '--debug'], {
  descriptors: [PLANTED],
});

test('init with both secrets', () => {
  expectExit(made, 0);
});

describe('a run of each command, with --debug', () => {
  test.each(RUNS)('%s', async (_, args) => {
    const flags = [...words(args, { out, directory: place.directory }), '--debug'];
    const result = await run(flags, { env: { CLUSTER_CA_KEY_FILE: keyFile, CLUSTER_CA_PASSPHRASE: PLANTED } });
    expectExit(result, 0);
  });
});

describe('failures around the secret', () => {
  const env = (file: string) => ({ CLUSTER_CA_PASSPHRASE_FILE: join(place.directory, file) });

  test.each<[string, string[], RunOptions, number]>([
    ['a wrong one', [], { env: { CLUSTER_CA_PASSPHRASE: WRONG } }, 12],
    ['a wrong one by descriptor', ['--passphrase-fd', '3'], { descriptors: [WRONG] }, 12],
    [
      'a command that fails and speaks',
      ['--passphrase-command', `sh -c "echo ${PLANTED} >&2; echo ${PLANTED}; exit 1"`],
      {},
      2,
    ],
    ['a file that others can read', [], { env: env('open') }, 13],
    ['as the value of a flag that does not exist', [`--passphrase=${PLANTED}`], {}, 2],
    [
      'a right one and no place for the files',
      ['--out', '/sys/nowhere'],
      { env: { CLUSTER_CA_PASSPHRASE: PLANTED } },
      14,
    ],
  ])('%s', async (_, args, options, exit) => {
    await writeFile(join(place.directory, 'open'), PLANTED, { mode: 0o644 });
    for (const flags of [[], ['--json'], ['--debug'], ['--json', '--debug']])
      expectExit(await run(['issue', 'n1', '--force-new', ...args, ...flags], options), exit);
  });

  test('a new passphrase that is too short, and one that is taken', async () => {
    const change = ['keystore', 'passphrase', '--passphrase-fd', '3', '--new-passphrase-fd', '4', '--debug'];
    expectExit(await run(change, { descriptors: [PLANTED, SECOND.slice(0, 8)] }), 5);
    expectExit(await run(change, { descriptors: [PLANTED, SECOND] }), 0);
    expectExit(await run([...change, '--json'], { descriptors: [PLANTED, SECOND] }), 12);
  });

  test('a bug-like failure: a keystore that is a file', async () => {
    const env = { CLUSTER_CA_KEYSTORE: keyFile, CLUSTER_CA_PASSPHRASE: PLANTED };
    const result = await run(['issue', 'n1', '--debug'], { env });
    expect([10, 13]).toContain(result.code);
  });
});

test('none of it was said, nor written in the clear', async () => {
  const secret = await readFile(keyFile);
  const keys: string[] = [];
  const logged: string[] = [];
  for (const entry of await readdir(place.directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'latin1');
    if (entry.name === 'key.pem') keys.push(...text.split('\n').filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line)));
    else if (!path.endsWith('.key') && path !== keyFile && entry.name !== 'open') logged.push(text);
  }
  const planted = [
    ...[PLANTED, SECOND, SECOND.slice(0, 8), WRONG],
    ...(['hex', 'base64', 'base64url', 'latin1'] as const).map((encoding) => secret.toString(encoding)),
    ...keys,
  ];
  expect(keys.length).toBeGreaterThan(0);
  for (const text of planted) {
    expect(said.join('\n').includes(text)).toBe(false);
    // Neither keystore nor anything else on the disk holds one in the clear.
    expect(logged.some((file) => file.includes(text))).toBe(false);
  }
  expect(said.join('\n')).not.toMatch(/-----BEGIN [A-Z ]*PRIVATE KEY-----/);
});
