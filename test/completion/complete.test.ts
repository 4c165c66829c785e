import { describe, expect, test } from '@jest/globals';
import type { CommandDefinition } from '../../src/command-definition.ts';
import { defineProgram } from '../../src/commands/definitions.ts';
import { VERBS } from '../../src/commands/verbs.ts';
import { complete, type Options, type Sources } from '../../src/completion/complete.ts';
import { calledVerb, formatCompletion } from '../../src/completion/protocol.ts';
import type { Context } from '../../src/context.ts';

const verbs = VERBS.map(({ name }) => name);
const program = (verb?: string): Promise<CommandDefinition> => defineProgram({ globals: {} } as Context, verb);

const NAMES = { node: ['etcd-1', 'redis-1', 'redis-2'], client: ['app', 'redis-exporter'] };
let asked: Options | undefined;
const sources: Sources = {
  names: async (kinds, prefix, options) => {
    asked = options;
    return kinds.flatMap((kind) => NAMES[kind]).filter((name) => name.startsWith(prefix));
  },
  planes: async () => ['control', 'data'],
  clusters: async () => ['orders', 'shop'],
  authorities: async () => ['root-g1', 'issuing-g1.1'],
  slots: async () => ['first', 'laptop'],
};

/** What is offered for a command line whose last word is at the cursor. */
async function offered(line: string): Promise<{ words: string[]; paths: string | undefined }> {
  const words = line.split(' ');
  const found = await complete(await program(calledVerb(words.slice(0, -1), verbs)), words, sources);
  return { words: found.candidates.map(({ value }) => value), paths: found.paths };
}

describe('verbs', () => {
  test('all of them, with what they mean', async () => {
    const { candidates } = await complete(await program(), [''], sources);
    expect(candidates.map(({ value }) => value)).toEqual(verbs);
    expect(candidates.map(({ meaning }) => meaning)).toEqual(VERBS.map(({ summary }) => summary));
  });

  test.each([
    ['iss', ['issue']],
    ['--json sta', ['status']],
    ['--cluster orders rev', ['revoke']],
    ['keystore s', ['slot']],
    ['keystore slot ', ['list', 'add', 'remove']],
    ['audit v', ['verify']],
    ['nonsense', []],
    ['help ver', ['verify']],
    ['keystore help sl', ['slot']],
  ])('%s', async (line, words) => {
    expect((await offered(line)).words).toEqual(words);
  });
});

describe('flags come from the definitions', () => {
  test.each(verbs)('%s: each that its help lists, and the global ones', async (verb) => {
    const definition = (await program(verb)).commands.find(({ name }) => name === verb);
    const { words } = await offered(`${verb} --`);
    for (const { long } of definition?.options ?? []) expect(words).toContain(long);
    expect(words).toEqual(expect.arrayContaining(['--json', '--keystore', '--help']));
    expect(new Set(words).size).toBe(words.length);
  });

  test('one that was given is offered again only where it may be repeated', async () => {
    const { words } = await offered('issue --json --plane data --out x --');
    expect(words).toContain('--plane');
    expect(words).not.toContain('--json');
    expect(words).not.toContain('--out');
  });

  test('behind -- nothing is a flag', async () => {
    expect((await offered('issue -- --')).words).toEqual([]);
  });
});

describe('names', () => {
  test.each([
    ['issue red', ['redis-1', 'redis-2']],
    ['issue --client ', ['app', 'redis-exporter']],
    ['rotate redis-', ['redis-1', 'redis-2', 'redis-exporter']],
    ['rotate redis-1 redis-', ['redis-2', 'redis-exporter']],
    ['rotate --due --plane data e', ['etcd-1']],
    ['list --node e', ['etcd-1']],
    ['list --node=e', ['--node=etcd-1']],
    ['rotate --out DIR e', ['etcd-1']],
    ['revoke node:red', ['node:redis-1', 'node:redis-2']],
    ['inspect client:', ['client:app', 'client:redis-exporter']],
  ])('%s', async (line, words) => {
    expect((await offered(line)).words).toEqual(words);
  });

  test('files too where either may stand, and only files once it is a path', async () => {
    expect(await offered('verify red')).toEqual({ words: ['redis-1', 'redis-2', 'redis-exporter'], paths: 'files' });
    expect(await offered('verify ./red')).toEqual({ words: [], paths: 'files' });
  });

  test('the keystore is the one that the command line names', async () => {
    await offered('--keystore ~/ca issue --cluster=shop r');
    expect([asked?.get('--keystore'), asked?.get('--cluster')]).toEqual([['~/ca'], ['shop']]);
  });
});

describe('values', () => {
  test.each<[string, string[], string | undefined]>([
    ['issue --plane ', ['control', 'data'], undefined],
    ['issue --plane=d', ['--plane=data'], undefined],
    ['issue --key-type rsa-3', ['rsa-3072'], undefined],
    ['revoke --reason keyC', ['keyCompromise'], undefined],
    ['init --key-type ', ['ecdsa-p256', 'ecdsa-p384', 'rsa-3072', 'rsa-4096'], undefined],
    ['init --node-key-type ed', ['ed25519'], undefined],
    ['crl --authority iss', ['issuing-g1.1'], undefined],
    ['keystore slot remove l', ['laptop'], undefined],
    ['keystore slot add l', [], undefined],
    ['verify --starttls post', ['postgres'], undefined],
    ['list --status ex', ['expired'], undefined],
    ['--cluster s', ['shop'], undefined],
    ['completion ', ['bash', 'zsh', 'fish'], undefined],
    ['issue --out ', [], 'dirs'],
    ['issue --inventory ', [], 'files'],
    ['issue --inventory=', [], 'files'],
    ['issue --json=', [], undefined],
    ['issue --dns ', [], undefined],
    ['issue --lifetime 9', [], undefined],
  ])('%s', async (line, words, paths) => {
    expect(await offered(line)).toEqual({ words, paths });
  });
});

test('what the scripts read', () => {
  const candidates = [{ value: '--json', meaning: 'print one JSON document' }, { value: 'redis-1' }];
  expect(formatCompletion({ candidates, paths: 'dirs' })).toBe('--json\tprint one JSON document\nredis-1\n:dirs\n');
});
