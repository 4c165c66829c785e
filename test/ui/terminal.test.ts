import { beforeAll, expect, test } from '@jest/globals';
import { done } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith } from '../support/debian.ts';
import { Screen } from './screen.ts';

// What the commands look like in real terminals: as wide as they are, with whole fingerprints, and plain where asked.
const cluster = await newCluster({ name: 'a-cluster-with-a-rather-long-name' });
const { ca, env, out: cwd } = cluster;
const LONG = 'a-node-with-a-long-name-that-still-is-a-legal-one-0001';

beforeAll(async () => {
  await done(ca, ['issue', 'n1', LONG]);
  await done(ca, ['issue', '--client', 'application.read-write@example']);
  await done(ca, ['issue', 'gone', '--plane', 'data']);
  await done(ca, ['revoke', 'gone', '--yes']);
});

const COMMANDS: [name: string, args: string[]][] = [
  ['list', ['list']],
  ['list --all', ['list', '--all']],
  ['status', ['status']],
  ['inspect NODE', ['inspect', 'n1']],
  ['inspect KEYSTORE', ['inspect', `${cluster.keystore}/`]],
  ['inspect FILE', ['inspect', 'n1/data/cert.pem']],
  ['verify', ['verify', 'n1/data/cert.pem']],
  ['issue', ['issue', 'n2', LONG]],
  ['rotate', ['rotate', 'n1']],
  ['revoke --dry-run', ['revoke', 'n1', '--dry-run']],
  ['init --dry-run', ['init', 'x', '--dry-run', '--keystore', '/tmp/x']],
  ['keystore slot list', ['keystore', 'slot', 'list']],
  ['audit verify', ['audit', 'verify']],
  ['--help', ['--help']],
  ['issue --help', ['issue', '--help']],
];

const inTerminal = await describeWith('tmux');

inTerminal('no line is wider than the terminal', () => {
  for (const width of [80, 120, 200])
    test.each(COMMANDS)(`%s in ${width} columns`, async (_, args) => {
      const screen = await Screen.start(args, { env, cwd, width, height: 100 });
      const text = await screen.waitFor(/^exit \d+$/m);
      // A head with a long number is longer, and still whole: it is for copying.
      for (const line of text.split('\n').map((shown) => shown.trimEnd().replace(/\d+(?=:[0-9a-f]{64}$)/, '0')))
        expect([line, line.length <= width]).toEqual([line, true]);
    });
});

inTerminal('in a narrow terminal', () => {
  test.each<[string, string[], number]>([
    ['inspect NODE', ['inspect', 'n1'], 2],
    ['inspect KEYSTORE', ['inspect', `${cluster.keystore}/`], 3],
    ['verify', ['verify', 'n1/data/cert.pem'], 3],
    ['audit verify', ['audit', 'verify'], 1],
  ])('%s: fingerprints and heads are whole, each on one line', async (_, args, count) => {
    const screen = await Screen.start(args, { env, cwd, width: 60, height: 100 });
    const text = await screen.waitFor(/^exit \d+$/m);
    expect((text.match(/\b[0-9a-f]{64}\b/g) ?? []).length).toBeGreaterThanOrEqual(count);
  });
});

inTerminal('colour', () => {
  test('supports the words on a terminal', async () => {
    const screen = await Screen.start(['list'], { env, cwd });
    await screen.waitFor(/^exit/m);
    expect(await screen.coloured()).toContain('\u001b[');
  });

  test.each<[string, Record<string, string>, string]>([
    ['NO_COLOR', { NO_COLOR: '1' }, 'tmux-256color'],
    ['TERM=dumb', {}, 'dumb'],
  ])('%s: none, and the same words', async (_, more, term) => {
    for (const args of [['list'], ['status'], ['verify', 'n1/data/cert.pem']]) {
      const plain = await Screen.start(args, { env: { ...env, ...more }, cwd, term });
      const words = await plain.waitFor(/^exit/m);
      expect(await plain.coloured()).not.toContain('\u001b');
      const coloured = await Screen.start(args, { env, cwd });
      expect(await coloured.waitFor(/^exit/m)).toBe(words);
    }
  });
});
