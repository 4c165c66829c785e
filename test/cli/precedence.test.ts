import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CLUSTER_CA, type RunOptions, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, errorObject, expectExit, fails, words } from './checks.ts';
import type { ListDocument } from './documents.ts';

// Rule 9: flag, environment, default; and where a keystore is looked for.
const a = await newCluster({ name: 'a' });
const b = await newCluster({ name: 'b' });
await done(a.ca, ['issue', 'of-a', '--plane', 'data']);
await done(b.ca, ['issue', 'of-b', '--plane', 'data']);

/** The nodes that this command lists. */
async function nodes(args: string[], env: Record<string, string>): Promise<string[]> {
  const { certificates } = await done<ListDocument>((words, options) => warmCli(words, { ...options, env }), args);
  return certificates.map(({ node }) => node);
}

describe('--keystore', () => {
  test('the flag before the variable', async () => {
    expect(await nodes(['list', '--keystore', a.keystore], { ...a.env, CLUSTER_CA_KEYSTORE: b.keystore })).toEqual([
      'of-a',
    ]);
  });

  test('the variable before the default', async () => {
    expect(await nodes(['list'], b.env)).toEqual(['of-b']);
  });
});

describe('a variable that is set but empty: 2', () => {
  test.each([
    'CLUSTER_CA_KEYSTORE',
    'CLUSTER_CA_PASSPHRASE_FILE',
    'CLUSTER_CA_PASSPHRASE_COMMAND',
    'CLUSTER_CA_PASSPHRASE',
    'CLUSTER_CA_KEY_FILE',
    'CLUSTER_CA_INVENTORY',
    'CLUSTER_CA_NO_INPUT',
  ])('%s', async (name) => {
    expect(words(await fails(a.ca, ['issue', 'n1'], 2, { env: { [name]: '' } }))).toContain(name);
  });
});

test('CLUSTER_CA_NO_INPUT is --no-input', async () => {
  await fails(a.ca, ['revoke', 'of-a'], 'ERR_INPUT_REQUIRED', { env: { CLUSTER_CA_NO_INPUT: '1' } });
});

describe('the default keystore', () => {
  const place = join(a.directory, 'discovery');
  const env = { HOME: join(place, 'home'), XDG_DATA_HOME: join(place, 'data'), XDG_STATE_HOME: join(place, 'state') };
  const data = join(env.XDG_DATA_HOME, 'cluster-ca');
  const init = (name: string, more: Record<string, string> = env) =>
    done(
      (args, options) => warmCli(args, { ...options, env: more }),
      ['init', name, '--key-file', join(place, `${name}.key`)],
    );
  const list = (args: string[] = [], options: RunOptions = {}) =>
    warmCli(['list', '--json', ...args], { env, ...options });

  test('none: 10, with the path looked at', async () => {
    await mkdir(env.HOME, { recursive: true });
    const error = errorObject(await list(), 'ERR_KEYSTORE_ABSENT');
    expect(words(error)).toContain(data);
    expect(words(errorObject(await list(['--cluster', 'one']), 10))).toContain(join(data, 'one'));
  });

  test('exactly one is used', async () => {
    await init('one');
    expectExit(await list(), 0);
    expectExit(await list(['--cluster', 'one']), 0);
    expect(words(errorObject(await list(['--cluster', 'other']), 10))).toContain(join(data, 'other'));
  });

  test('what a killed init left is none', async () => {
    await mkdir(join(data, '.cluster-ca.two'), { recursive: true });
    expectExit(await list(), 0);
  });

  test('several: 2, listing them; --cluster picks', async () => {
    await init('two');
    const error = errorObject(await list(), 'ERR_USAGE');
    for (const name of ['one', 'two']) expect(words(error)).toContain(name);
    expect(words(error)).toContain('--cluster');
    expectExit(await list(['--cluster', 'two']), 0);
  });

  test('without XDG_DATA_HOME: ~/.local/share', async () => {
    const home = { HOME: env.HOME, XDG_STATE_HOME: env.XDG_STATE_HOME };
    expect(words(errorObject(await list([], { env: home }), 10))).toContain(join(env.HOME, '.local/share/cluster-ca'));
    await init('three', home);
    expectExit(await list([], { env: home }), 0);
  });

  test('neither HOME nor --keystore: 2', async () => {
    const unset = (args: string[], options: RunOptions = {}) =>
      run('env', ['-u', 'HOME', process.execPath, CLUSTER_CA, ...args], { ...options, env: {} });
    await fails(unset, ['list'], 2);
    await done(unset, ['list', '--keystore', join(data, 'one')]);
  });

  test('--keystore and another --cluster than the keystore’s: refused', async () => {
    const result = await list(['--keystore', join(data, 'one'), '--cluster', 'two']);
    expect([2, 6]).toContain(result.code);
    expect(result.stdout).toBe('');
  });

  test('a keystore may be moved', async () => {
    await rename(join(data, 'two'), join(data, 'moved'));
    expectExit(await list(['--keystore', join(data, 'moved')]), 0);
  });
});
