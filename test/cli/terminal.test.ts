import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { newCluster, newPlace } from '../support/clusters.ts';
import { done } from './checks.ts';
import type { ListDocument } from './documents.ts';
import { hasTerminal, onTerminal } from './terminal.ts';

// What happens on a terminal: prompts, and when there is colour. In a pipe: streams.test.ts.
const cluster = await newCluster();
const place = await newPlace('terminal');
const { ca, env, out: cwd } = cluster;
const { CLUSTER_CA_KEY_FILE: keyFile = '', ...secretless } = env;
const onTty = hasTerminal ? test : test.skip;
const ENTER = '\r';
const statuses = async (node: string): Promise<string[]> =>
  (await done<ListDocument>(ca, ['list', '--node', node])).certificates.map(({ status }) => status);

beforeAll(async () => {
  await done(ca, ['issue', 'n1', 'n2', 'n3', '--plane', 'data']);
});

describe('colour is not shown', () => {
  onTty.each<[string, string[], Record<string, string>]>([
    ['with --no-color', ['list', '--no-color'], {}],
    ['with NO_COLOR', ['list'], { NO_COLOR: '1' }],
    ['with TERM=dumb', ['list'], { TERM: 'dumb' }],
    ['in an error with --no-color', ['--no-color', 'rotate', 'nobody'], {}],
    ['in an error with NO_COLOR', ['rotate', 'nobody'], { NO_COLOR: '1' }],
    ['in help with NO_COLOR', ['--help'], { NO_COLOR: '1' }],
    ['under --json', ['list', '--json'], {}],
  ])('%s', async (_, args, more) => {
    const { screen } = await onTerminal(args, { cwd, env: { ...env, ...more } });
    expect(screen).not.toBe('');
    expect(screen).not.toContain('\u001b');
  });

  onTty('and never carries meaning alone: the words are the same', async () => {
    const plain = (await onTerminal(['list', '--no-color'], { cwd, env })).screen;
    const coloured = (await onTerminal(['list'], { cwd, env })).screen;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour is made of them
    expect(coloured.replaceAll(/\u001b\[[0-9;]*m/g, '')).toBe(plain);
  });
});

describe('a question', () => {
  onTty('answered with y', async () => {
    const { code } = await onTerminal(['revoke', 'n1'], { cwd, env, answers: [[/revoke[^\n]*\?/i, `y${ENTER}`]] });
    expect([code, await statuses('n1')]).toEqual([0, ['revoked']]);
  });

  onTty.each([
    ['n', `n${ENTER}`],
    ['nothing', ENTER],
    ['Ctrl-C', '\u0003'],
  ])('answered with %s: 130, and nothing is done', async (_, answer) => {
    const { code } = await onTerminal(['revoke', 'n2'], { cwd, env, answers: [[/revoke[^\n]*\?/i, answer]] });
    expect([code, await statuses('n2')]).toEqual([130, ['valid']]);
  });

  onTty.each<[string, string[], Record<string, string>]>([
    ['--no-input', ['--no-input'], {}],
    ['CLUSTER_CA_NO_INPUT', [], { CLUSTER_CA_NO_INPUT: '1' }],
  ])('is not asked with %s: 2, naming --yes', async (_, flags, more) => {
    const { code, screen } = await onTerminal(['revoke', 'n2', ...flags], { cwd, env: { ...env, ...more } });
    expect([code, screen.includes('--yes')]).toEqual([2, true]);
  });

  onTty('is not asked with --yes', async () => {
    const { code, screen } = await onTerminal(['revoke', 'n3', '--yes'], { cwd, env });
    expect([code, screen.includes('?')]).toEqual([0, false]);
  });

  onTty('making certificates asks nothing', async () => {
    expect((await onTerminal(['issue', 'n4'], { cwd, env })).code).toBe(0);
    expect((await onTerminal(['rotate', 'n4'], { cwd, env })).code).toBe(0);
  });
});

describe('the passphrase prompt', () => {
  const PASSPHRASE = 'typed on a terminal';
  const keystore = join(place.directory, 'keystore');
  const own = { ...place.env, CLUSTER_CA_KEYSTORE: keystore };

  onTty('of init: no echo, and the same twice', async () => {
    const answers: [RegExp, string][] = [
      [/passphrase/i, PASSPHRASE + ENTER],
      [/(again|repeat|confirm|once more)/i, PASSPHRASE + ENTER],
    ];
    const { code, screen } = await onTerminal(['init', 'orders'], { cwd: place.directory, env: own, answers });
    expect([code, screen.includes(PASSPHRASE)]).toEqual([0, false]);
  });

  onTty('of issue: no echo', async () => {
    const answers: [RegExp, string][] = [[/passphrase/i, PASSPHRASE + ENTER]];
    const { code, screen } = await onTerminal(['issue', 'n1'], { cwd: place.directory, env: own, answers });
    expect([code, screen.includes(PASSPHRASE)]).toEqual([0, false]);
  });

  onTty('is not shown with --no-input: 2', async () => {
    const { code, screen } = await onTerminal(['issue', 'n1', '--force-new', '--no-input'], { cwd, env: secretless });
    expect([code, screen.includes('--passphrase-f')]).toEqual([2, true]);
    expect(keyFile).not.toBe('');
  });

  onTty('Ctrl-C: 130', async () => {
    const answers: [RegExp, string][] = [[/passphrase/i, '\u0003']];
    const args = ['issue', 'n1', '--force-new'];
    expect((await onTerminal(args, { cwd: place.directory, env: own, answers })).code).toBe(130);
  });
});
