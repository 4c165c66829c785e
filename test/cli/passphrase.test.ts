import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CLUSTER_CA, type RunOptions, run as runProgram } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { done, expectExit, fails, words } from './checks.ts';

// Rule 5: a passphrase by each of its inputs, on a command that must open the daily domain.
const place = await newPlace('passphrase');
const PASSPHRASE = 'correct horse battery';
const keystore = join(place.directory, 'keystore');
const base = { ...place.env, CLUSTER_CA_KEYSTORE: keystore };
const run = (args: string[], options: RunOptions = {}) =>
  warmCli(args, { cwd: place.directory, ...options, env: { ...base, ...options.env } });
const path = (name: string): string => join(place.directory, name);
const RENEW = ['crl', '--renew'];

await done(run, ['init', 'orders', '--passphrase-fd', '3', '--key-file', path('key')], { descriptors: [PASSPHRASE] });
await writeFile(path('right'), `${PASSPHRASE}\n`, { mode: 0o600 });
await writeFile(path('wrong'), 'incorrect horse battery\n', { mode: 0o600 });
await writeFile(path('wrong.key'), Buffer.alloc(32, 1), { mode: 0o600 });

describe('each input', () => {
  test.each<[string, string[], RunOptions]>([
    ['--passphrase-fd', ['--passphrase-fd', '3'], { descriptors: [PASSPHRASE] }],
    ['--passphrase-file', ['--passphrase-file', 'right'], {}],
    ['--passphrase-file -', ['--passphrase-file', '-'], { input: `${PASSPHRASE}\n` }],
    ['--passphrase-fd 0', ['--passphrase-fd', '0'], { input: PASSPHRASE }],
    ['--passphrase-command', ['--passphrase-command', 'cat right'], {}],
    ['double quotes in it', ['--passphrase-command', 'printf %s "correct horse battery"'], {}],
    ['single quotes in it', ['--passphrase-command', "printf '%s' 'correct horse battery'"], {}],
    ['CLUSTER_CA_PASSPHRASE_FILE', [], { env: { CLUSTER_CA_PASSPHRASE_FILE: path('right') } }],
    ['CLUSTER_CA_PASSPHRASE_COMMAND', [], { env: { CLUSTER_CA_PASSPHRASE_COMMAND: 'cat right' } }],
    ['CLUSTER_CA_PASSPHRASE', [], { env: { CLUSTER_CA_PASSPHRASE: PASSPHRASE } }],
    ['CLUSTER_CA_KEY_FILE', [], { env: { CLUSTER_CA_KEY_FILE: path('key') } }],
    ['--key-file', ['--key-file', 'key'], {}],
  ])('%s', async (_, args, options) => {
    await done(run, [...RENEW, ...args], options);
  });
});

describe('what is cut from it', () => {
  test.each<[string, string, number]>([
    ['one LF', `${PASSPHRASE}\n`, 0],
    ['one CRLF', `${PASSPHRASE}\r\n`, 0],
    ['not two', `${PASSPHRASE}\n\n`, 12],
    ['not a CR alone', `${PASSPHRASE}\r`, 12],
    ['not a space', `${PASSPHRASE} \n`, 12],
    ['not a space before', ` ${PASSPHRASE}\n`, 12],
    ['not a tab', `${PASSPHRASE}\t`, 12],
    ['not a byte order mark', `\ufeff${PASSPHRASE}`, 12],
  ])('%s', async (_, text, exit) => {
    expectExit(await run([...RENEW, '--passphrase-fd', '3', '--json'], { descriptors: [text] }), exit);
  });

  test('composed and decomposed letters are the same (NFC)', async () => {
    const options = { env: { CLUSTER_CA_KEYSTORE: path('nfc') } };
    await done(run, ['init', 'nfc', '--passphrase-fd', '3'], { ...options, descriptors: ['grüße, überall'] });
    const decomposed = 'grüße, überall'.normalize('NFD');
    await done(run, [...RENEW, '--passphrase-fd', '3'], { ...options, descriptors: [decomposed] });
  });
});

describe('no shell', () => {
  test('the words of --passphrase-command are taken as they are', async () => {
    const command = `printf %s '$(touch ${path('pwned')}); correct' ; touch ${path('pwned')}`;
    const result = await run([...RENEW, '--passphrase-command', command, '--json']);
    expect([2, 12]).toContain(result.code);
    await expect(readFile(path('pwned'))).rejects.toThrow(/ENOENT/);
  });

  test.each([
    ['that fails', 'false'],
    ['that does not exist', '/nonexistent/command'],
    ['that says nothing', 'true'],
    ['of no words', ' '],
    ['with a quote left open', "printf 'correct horse battery"],
  ])('one %s: 2', async (_, command) => {
    await fails(run, [...RENEW, '--passphrase-command', command], 2);
  });

  test('CLUSTER_CA_PASSPHRASE is not handed to it', async () => {
    await writeFile(path('show'), `env > ${path('children.env')}\ncat ${path('right')}\n`);
    const env = { CLUSTER_CA_PASSPHRASE: 'planted in the environment' };
    await done(run, [...RENEW, '--passphrase-command', `sh ${path('show')}`], { env });
    expect(await readFile(path('children.env'), 'utf8')).not.toContain('planted');
  });
});

describe('the order: the first that is given counts', () => {
  const env = {
    CLUSTER_CA_PASSPHRASE_FILE: path('right'),
    CLUSTER_CA_PASSPHRASE_COMMAND: 'cat right',
    CLUSTER_CA_PASSPHRASE: PASSPHRASE,
  };
  const wrong = {
    CLUSTER_CA_PASSPHRASE_FILE: path('wrong'),
    CLUSTER_CA_PASSPHRASE_COMMAND: 'cat wrong',
    CLUSTER_CA_PASSPHRASE: 'incorrect horse battery',
  };

  test.each<[string, string[], RunOptions, number]>([
    ['fd before file', ['--passphrase-fd', '3', '--passphrase-file', 'wrong'], { descriptors: [PASSPHRASE] }, 0],
    ['file before command', ['--passphrase-file', 'right', '--passphrase-command', 'cat wrong'], {}, 0],
    ['command before the variables', ['--passphrase-command', 'cat right'], { env: wrong }, 0],
    ['a wrong flag is not mended by the variables', ['--passphrase-file', 'wrong'], { env }, 12],
    ['the file’s variable first', [], { env: { ...wrong, CLUSTER_CA_PASSPHRASE_FILE: path('right') } }, 0],
    [
      'then the command’s',
      [],
      { env: { CLUSTER_CA_PASSPHRASE_COMMAND: 'cat right', CLUSTER_CA_PASSPHRASE: 'incorrect horse battery' } },
      0,
    ],
    ['a key file is tried first', ['--key-file', 'key', '--passphrase-file', 'wrong'], {}, 0],
    ['and then the passphrase', ['--key-file', 'wrong.key', '--passphrase-file', 'right'], {}, 0],
    ['both wrong', ['--key-file', 'wrong.key', '--passphrase-file', 'wrong'], {}, 12],
  ])('%s', async (_, args, options, exit) => {
    expectExit(await run([...RENEW, ...args, '--json'], options), exit);
  });
});

describe('what is refused', () => {
  test.each<[string, string[], RunOptions]>([
    ['a file that is absent', ['--passphrase-file', 'absent'], {}],
    ['a descriptor that is not open', ['--passphrase-fd', '9'], {}],
    ['a descriptor that is no number', ['--passphrase-fd', 'three'], {}],
    ['nothing on the descriptor', ['--passphrase-fd', '3'], { descriptors: [''] }],
    ['a line feed alone', ['--passphrase-fd', '3'], { descriptors: ['\n'] }],
    ['nothing on stdin', ['--passphrase-file', '-'], { input: '' }],
    ['none at all', [], {}],
    ['none at all under --no-input', ['--no-input'], {}],
    ['a key file that is absent', ['--key-file', 'absent'], {}],
  ])('%s: 2', async (_, args, options) => {
    await fails(run, [...RENEW, ...args], 2, options);
  });

  test('an empty file: 2', async () => {
    await writeFile(path('empty'), '', { mode: 0o600 });
    await fails(run, [...RENEW, '--passphrase-file', 'empty'], 2);
  });

  test('none given: the message names the flag', async () => {
    expect(words(await fails(run, RENEW, 'ERR_INPUT_REQUIRED'))).toMatch(/--(passphrase|key)-f/);
  });

  test('a wrong one: 12', async () => {
    await fails(run, [...RENEW, '--passphrase-file', 'wrong'], 'ERR_PASSPHRASE');
    await fails(run, [...RENEW, '--key-file', 'wrong.key'], 'ERR_PASSPHRASE');
  });

  test.each([0o640, 0o604, 0o660, 0o644])('a file of mode %i: 13, and the way around it', async (mode) => {
    await writeFile(path('open'), PASSPHRASE);
    await chmod(path('open'), mode);
    const error = await fails(run, [...RENEW, '--passphrase-file', 'open'], 'ERR_KEYSTORE_PERMISSIONS');
    expect(error.hint).toMatch(/--passphrase-fd 3 3</);
    const env = { CLUSTER_CA_PASSPHRASE_FILE: path('open') };
    await fails(run, RENEW, 'ERR_KEYSTORE_PERMISSIONS', { env });
  });

  test('a key file that others can read: 13', async () => {
    await writeFile(path('open.key'), await readFile(path('key')));
    await chmod(path('open.key'), 0o644);
    await fails(run, [...RENEW, '--key-file', 'open.key'], 'ERR_KEYSTORE_PERMISSIONS');
  });

  test('a pipe and a descriptor are not checked', async () => {
    await writeFile(path('open'), PASSPHRASE);
    await chmod(path('open'), 0o644);
    const script = `mkfifo -m 0666 fifo && (cat open > fifo &) && exec "$0" "$@" --passphrase-file fifo`;
    const shell = (text: string) =>
      runProgram('sh', ['-c', text, process.execPath, CLUSTER_CA, ...RENEW], { cwd: place.directory, env: base });
    expectExit(await shell(script), 0);
    expectExit(await shell('exec "$0" "$@" --passphrase-fd 3 3<open'), 0);
    await rm(path('fifo'));
  });

  test('a flag that takes the secret itself does not exist: 2', async () => {
    const error = await fails(run, [...RENEW, '--passphrase', PASSPHRASE], 2);
    expect(words(error)).not.toContain(PASSPHRASE);
  });
});

test('keystore passphrase, the root domain elsewhere and not given: that it was not looked at is said, not that it is another', async () => {
  const at = { env: { CLUSTER_CA_KEYSTORE: path('apart') } };
  const medium = ['--root-keystore', path('medium')];
  await done(run, ['init', 'apart', '--passphrase-fd', '3', ...medium], { ...at, descriptors: [PASSPHRASE] });
  const change = ['keystore', 'passphrase', '--passphrase-file', 'right', '--dry-run'];
  const { slots, warnings = [] } = await done<{ slots: { domain: string }[] }>(run, change, at);
  expect(slots.map(({ domain }) => domain)).toEqual(['daily']);
  expect(warnings.join()).toContain('--root-keystore');
  expect(warnings.join()).not.toContain('is another one');
  const both = await done<{ slots: { domain: string }[] }>(run, [...change, ...medium], at);
  expect(both.slots.map(({ domain }) => domain)).toEqual(['daily', 'root']);
});
