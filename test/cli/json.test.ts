import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { document, done, errorObject, expectExit, expectSafe, fails } from './checks.ts';
import { RUNS, VERBS, words } from './commands.ts';

// Rule 2, for every command.
const cluster = await newCluster();
const { ca } = cluster;

/** The fields that a document of this name has at least; a trailing ? may be absent. */
const FIELDS: Record<string, string[]> = {
  issue: ['certificates', 'unchanged', 'failed'],
  rotate: ['certificates', 'unchanged', 'failed'],
  request: ['files'],
  list: ['certificates'],
  status: ['attention', 'alerts', 'authorities', 'certificates'],
  inspect: [],
  verify: ['valid', 'path', 'failures'],
  revoke: ['revoked', 'crls'],
  crl: ['crls'],
  audit: ['valid', 'records', 'first', 'last', 'head', 'rollbackChecked'],
  keystore: [],
};
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** Times are RFC 3339 in UTC, serials and fingerprints lower-case hex, wherever they stand. */
function expectForms(value: unknown, path = '$'): void {
  if (Array.isArray(value)) {
    for (const [i, child] of value.entries()) expectForms(child, `${path}[${i}]`);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (typeof child === 'string') {
      if (/(At|Update|notBefore|notAfter|since)$/.test(key))
        expect([`${path}.${key}`, child]).toEqual([`${path}.${key}`, expect.stringMatching(TIME)]);
      if (key === 'serial') expect(child).toMatch(/^([0-9a-f]{2})+$/);
      if (key === 'fingerprint' || key === 'auditKey') expect(child).toMatch(/^[0-9a-f]{64}$/);
    }
    expectForms(child, `${path}.${key}`);
  }
}

describe('--json of a success: one document, stderr empty', () => {
  test.each(RUNS)('%s', async (_, args) => {
    const found = await done<Record<string, unknown>>(ca, words(args, cluster));
    for (const field of FIELDS[args[0] ?? ''] ?? []) expect(Object.keys(found)).toContain(field);
    expectForms(found);
    if (found.files !== undefined) for (const file of found.files as string[]) expect(file).toMatch(/^\//);
  });

  test('--json stands before the verb as well', async () => {
    const [before, after] = await Promise.all([ca(['--json', 'list']), ca(['list', '--json'])]);
    expectExit(before, 0);
    expect(document(before)).toEqual(document(after));
  });
});

describe('--json of a failure: one error object, stdout empty', () => {
  test.each(VERBS.map((verb) => [verb.join(' '), verb]))('%s with an unknown option', async (_, verb) => {
    const args = verb as string[];
    const error = await fails(ca, [...args, '--no-such-option'], 'ERR_USAGE');
    expect(error.message).toContain('--no-such-option');
    expect(error.hint).toBeDefined();
    const before = await ca(['--json', ...args, '--no-such-option']);
    expect([errorObject(before, 'ERR_USAGE'), before.stdout]).toEqual([error, '']);
  });

  test.each(
    VERBS.filter(
      (verb) => !['request', 'enroll', 'agent', 'init', 'completion', 'keystore restore'].includes(verb.join(' ')),
    ).map((verb) => [verb.join(' '), verb]),
  )('%s without a keystore', async (_, verb) => {
    const words: Record<string, string[]> = {
      issue: ['n1'],
      export: ['n1'],
      rotate: ['n1'],
      deploy: ['--inventory', 'cluster.yaml'],
      revoke: ['n1', '--yes'],
      inspect: ['n1'],
      verify: ['n1'],
      'join-token': ['n1'],
      'keystore backup': ['--out', '/nonexistent/backup'],
      'keystore slot add': ['x', '--new-key-file', '/nonexistent/x.key'],
      'keystore slot remove': ['x'],
      'audit prove': ['0123456789abcdef0123', '--checkpoint', 'x', '--out', '/nonexistent/proof'],
      'rollover plan': ['--inventory', 'cluster.yaml'],
      'rollover advance': ['--inventory', 'cluster.yaml', '--yes'],
      'rollover run': ['--inventory', 'cluster.yaml', '--yes'],
      'rollover rollback': ['--inventory', 'cluster.yaml', '--yes'],
      'rollover confirm': ['n1'],
      'trust add': ['ca.pem'],
      'trust remove': ['0123456789abcdef'],
    };
    const args = [...(verb as string[]), ...(words[(verb as string[]).join(' ')] ?? [])];
    const error = await fails(ca, [...args, '--keystore', '/nonexistent/keystore'], 'ERR_KEYSTORE_ABSENT');
    expect(error.message).toContain('/nonexistent/keystore');
  });

  test.each([
    ['an unknown verb', ['mint', 'n1']],
    ['no verb', []],
    ['an unknown global option', ['--verbose', 'list']],
    ['a value missing at the end', ['list', '--node']],
    ['a value missing of a global option', ['list', '--keystore']],
    ['a value for a flag that takes none', ['list', '--all=yes']],
    ['a word too many', ['status', '--format', 'json', '--', '--x', 'N1']],
    ['a verb of another issue', ['deploy', 'n1']],
    ['a bad --wait', ['list', '--wait', 'long']],
  ])('%s', async (_, args) => {
    await fails(ca, args, 'ERR_USAGE');
    const first = await ca(['--json', ...args]);
    errorObject(first, 'ERR_USAGE');
    expect(first.stdout).toBe('');
  });

  test('even when --json follows what cannot be parsed', async () => {
    errorObject(await ca(['--no-such-option', '--json', 'list']), 'ERR_USAGE');
  });

  test('with --debug it is still one object', async () => {
    errorObject(await ca(['rotate', 'nobody', '--json', '--debug']), 'ERR_NOT_FOUND');
  });
});

describe('without --json', () => {
  test.each(RUNS)('%s: text on stdout, no document', async (_, args) => {
    const result = await ca(words(args, cluster));
    // What the first round has made may be there now.
    if (result.code !== 0)
      expect([result.code, ['request', 'rollover']]).toEqual([6, expect.arrayContaining([args[0]])]);
    else expect(result.stdout + result.stderr).not.toBe('');
    expectSafe(result.stdout);
    expectSafe(result.stderr);
    expect(result.stdout).not.toContain('PRIVATE KEY');
    expect(result.stdout).not.toMatch(/^\s*\{/);
  });

  test.each([
    ['a parse error', ['list', '--no-such-option'], 2],
    ['an unknown verb', ['mint'], 2],
    ['an unknown node', ['rotate', 'nobody'], 6],
    ['a refusal', ['issue', 'n1', '--dns', 'evil.example'], 5],
    ['no keystore', ['list', '--keystore', '/nonexistent'], 10],
  ])('%s: error, then hint, on stderr; stdout empty', async (_, args, exit) => {
    const result = await ca(args);
    expectExit(result, exit);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(
      /^(cluster-ca: warning: .*\n)*cluster-ca: error: (?![A-Z][a-z]).*[^.\n]\ncluster-ca: hint: .+\n$/,
    );
  });

  test('a stack trace only with --debug', async () => {
    expect((await ca(['rotate', 'nobody'])).stderr).not.toMatch(/^\s+at /m);
    expect((await ca(['rotate', 'nobody', '--debug'])).stderr).toMatch(/^\s+at /m);
  });
});

test('a document is machine-readable when it is long', async () => {
  const { stdout } = await warmCli(['list', '--all', '--json'], { env: cluster.env });
  expect(stdout.endsWith('\n')).toBe(true);
  expect(JSON.parse(stdout).certificates.length).toBeGreaterThan(3);
});
