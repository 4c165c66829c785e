import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { cli, type RunOptions, type RunResult } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmly } from '../support/warm.ts';
import { RUNS, words } from './commands.ts';

// Many tests run the command line in a process that stays (test/support/warm.ts). Here every command is run so, and in a
// process of its own, beside each other in two places: what is written and how it ends is the same.

type Run = (args: string[], options?: RunOptions) => Promise<RunResult>;

async function warm(args: string[], options?: RunOptions): Promise<RunResult> {
  const result = warmly(args, options);
  if (result === undefined) throw new Error(`not run in the warm process: ${args.join(' ')}`);
  return result;
}

async function newSide(run: Run) {
  const place = await newPlace('warm');
  const { directory } = place;
  const out = await place.dir('out');
  const base = {
    ...place.env,
    CLUSTER_CA_KEYSTORE: join(directory, 'keystore'),
    CLUSTER_CA_KEY_FILE: join(directory, 'key'),
  };
  return async (args: string[], { env = {}, ...options }: RunOptions = {}) => {
    const said = words(args, { out, directory });
    const { code, signal, stdout, stderr } = await run(said, { cwd: out, ...options, env: { ...base, ...env } });
    return { code, signal, stdout: comparable(stdout, directory), stderr: comparable(stderr, directory) };
  };
}

/** Without what is another in every keystore: keys, numbers, times, the place. */
function comparable(text: string, directory: string): string {
  return text
    .replaceAll(directory, 'DIR')
    .replace(/[A-Za-z0-9+/=]{40,}/g, (match) => `${match.length > 64 ? 'LONG' : match.length}`)
    .replace(/(-----BEGIN [^-]+-----)[^-]*/g, '$1\n')
    .replace(/\b([0-9a-fA-F]{2}:?){8,}/g, 'HEX')
    .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+/g, 'TIME')
    .replace(/\b\d{13,}\b/g, 'NUMBER')
    .replace(/\b[0-9a-f]{6,}\b/g, 'HEX')
    .replace(/\b(now|\d+ seconds? ago|\d+(\.\d+)? ?m?s)\b/g, 'SPAN');
}

const place = await newPlace('left');
const wrong = join(place.directory, 'wrong');
await writeFile(wrong, Buffer.alloc(32, 1), { mode: 0o600 });

const alone = await newSide(cli);
const stays = await newSide(warm);

async function same(args: string[], options?: RunOptions) {
  const [expected, found] = await Promise.all([alone(args, options), stays(args, options)]);
  expect(found).toEqual(expected);
  return found;
}

test('init', async () => {
  expect(await same(['init', 'orders'])).toMatchObject({ code: 0, signal: null });
});

describe('each command, as text and as JSON by turns', () => {
  test.each(RUNS.map(([name, args], i): [string, string[]] => [name, i % 2 === 0 ? args : [...args, '--json']]))(
    '%s',
    async (_, args) => {
      expect((await same(args)).code).toBe(0);
    },
  );
});

describe('what ends otherwise', () => {
  test.each<[number, string[], Record<string, string>]>([
    [0, ['--version'], {}],
    [0, ['--help'], {}],
    [0, ['rollover', 'start', '--help'], {}],
    [2, [], {}],
    [2, ['isue'], {}],
    [2, ['issue', 'n1', '--nonsense'], {}],
    [2, ['list', '--node', 'n1', '--json'], { CLUSTER_CA_KEYSTORE: '' }],
    [2, ['issue', 'n1', '--no-input'], { CLUSTER_CA_KEY_FILE: '/nonexistent' }],
    [5, ['issue', 'n1', '--dns', 'n1.example.com'], {}],
    [6, ['revoke', 'nobody', '--yes', '--debug'], {}],
    [6, ['inspect', 'nobody', '--json'], {}],
    [10, ['list'], { CLUSTER_CA_KEYSTORE: '/nonexistent' }],
    [12, ['crl', '--renew'], { CLUSTER_CA_KEY_FILE: wrong }],
    [14, ['issue', 'n1', '--out', '/sys/nowhere'], {}],
  ])('%s: %j', async (code, args, env) => {
    expect((await same(args, { env })).code).toBe(code);
  });
});

describe('nothing of one run is left to the next', () => {
  test('the environment, the directory, the mask of modes', async () => {
    const show = (name: string) => ['--passphrase-command', `sh -c "env >${name}; pwd >>${name}; umask >>${name}"`];
    const env = { ...place.env, CLUSTER_CA_KEYSTORE: join(place.directory, 'keystore') };
    const shown = async (run: Run, name: string, more: Record<string, string>): Promise<string> => {
      const args = ['init', 'orders', ...show(name), '--json'];
      expect((await run(args, { cwd: place.directory, env: { ...env, ...more } })).code).toBe(2);
      return readFile(join(place.directory, name), 'utf8');
    };
    expect(await shown(warm, 'one', { CLUSTER_CA_OF_ONE_RUN: '1' })).toContain('CLUSTER_CA_OF_ONE_RUN');
    const lines = (text: string): string[] => text.split('\n').sort();
    expect(lines(await shown(warm, 'other', {}))).toEqual(lines(await shown(cli, 'alone', {})));
  });

  test('what is given up is left by a process that is gone', async () => {
    const script = join(place.directory, 'parent');
    await writeFile(script, '#!/bin/sh\necho $PPID >>pids\nexit 1\n', { mode: 0o700 });
    const options = { cwd: place.directory, env: place.env };
    const args = ['init', 'orders', '--keystore', 'keystore', '--passphrase-command', script];
    for (let i = 0; i < 2; i++) expect((await warm(args, options)).code).toBe(2);
    // That it has been refused leaves nothing: it was the same process. A failed write ends it.
    const unwritable = ['init', 'orders', '--keystore', '/sys/nowhere', '--key-file', 'key'];
    expect((await warm(unwritable, options)).code).toBe(14);
    await warm(args, options);
    const [first, second, third] = (await readFile(join(place.directory, 'pids'), 'utf8')).split('\n');
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });
});

test.each([
  ['standard input', [], { input: '' }],
  ['a descriptor', [], { descriptors: ['x'] }],
  ['a descriptor that is not there', ['--passphrase-fd', '3'], {}],
  ['a user', [], { uid: 1 }],
  ['what is loaded before', [], { env: { LD_PRELOAD: '/x.so' } }],
  ['options of Node', [], { env: { NODE_OPTIONS: '--no-warnings' } }],
  ['a terminal’s', [], { env: { FORCE_COLOR: '3' } }],
  ['whoever ends it', [], { onSpawn: () => {} }],
] satisfies [string, string[], RunOptions][])('%s wants a process of its own', (_, more, options) => {
  expect(warmly(['crl', '--renew', ...more], options)).toBeUndefined();
});

test('two at once are two processes', async () => {
  const [one, other] = [warmly(['--version']), warmly(['--version'])];
  expect([await one, other]).toEqual([expect.objectContaining({ code: 0 }), undefined]);
});
