import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import type { RunOptions } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { expectExit, expectSafe, fails } from './checks.ts';
import { VERBS } from './commands.ts';

const place = await newPlace('help');
const run = (args: string[], options: RunOptions = {}) =>
  warmCli(args, { env: place.env, cwd: place.directory, ...options });

test('--version is that of package.json, before and after a verb', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const args of [['--version'], ['list', '--version']]) {
    const result = await run(args);
    expectExit(result, 0);
    expect(result.stdout.trim()).toMatch(new RegExp(`(^|\\s)${version.replaceAll('.', '\\.')}$`));
    expect(result.stderr).toBe('');
  }
});

describe('help', () => {
  test('lists the verbs of this version and no others', async () => {
    const result = await run(['--help']);
    expectExit(result, 0);
    expect(result.stderr).toBe('');
    for (const [verb] of VERBS) expect(result.stdout).toMatch(new RegExp(`^\\s+${verb}\\b`, 'm'));
    const later = ['wizard'];
    for (const verb of later) expect(result.stdout).not.toMatch(new RegExp(`^\\s+${verb}\\b`, 'm'));
  });

  test('lists the global options', async () => {
    const { stdout } = await run(['--help']);
    const options = [
      'keystore',
      'cluster',
      'json',
      'no-input',
      'no-color',
      'quiet',
      'debug',
      'wait',
      'yes',
      'accept-clock',
    ];
    for (const option of [...options, 'version', 'help']) expect(stdout).toContain(`--${option}`);
  });

  test('-h is --help', async () => {
    expect((await run(['-h'])).stdout).toBe((await run(['--help'])).stdout);
    expect((await run(['issue', '-h'])).stdout).toBe((await run(['issue', '--help'])).stdout);
  });

  test.each(VERBS.map((verb) => [verb.join(' '), verb]))('%s --help: on stdout, and safe', async (_, verb) => {
    const result = await run([...(verb as string[]), '--help']);
    expectExit(result, 0);
    expect(result.stderr).toBe('');
    expectSafe(result.stdout);
    expect(result.stdout).toContain((verb as string[]).join(' '));
  });

  test.each<[string, string[], string[]]>([
    [
      'issue',
      ['--plane', '--dns', '--ip', '--lifetime', '--profile', '--key-type', '--out', '--owner', '--key-mode'],
      [],
    ],
    [
      'issue',
      ['--csr', '--csr-dir', '--client', '--inventory', '--request-id', '--force-new', '--revoke-previous'],
      [],
    ],
    [
      'issue',
      ['--dry-run', '--passphrase-fd', '--passphrase-file', '--passphrase-command', '--key-file'],
      ['FILE.tar'],
    ],
    ['rotate', ['--due', '--all', '--plane', '--inventory', '--out', '--csr-dir', '--deploy', '--dry-run'], []],
    ['deploy', ['--inventory', '--from', '--max-unavailable', '--cycle-connections', '--dry-run'], []],
    ['revoke', ['--reason', '--plane', '--invalidity-date', '--cut-off', '--dry-run'], []],
    ['crl', ['--out', '--authority', '--der', '--renew', '--lifetime'], []],
    ['list', ['--all', '--node', '--plane', '--status', '--expiring'], []],
    ['status', ['--within', '--format'], []],
    ['inspect', ['--pem', '--cert', '--key', '--starttls', '--name', '--export-password-file'], []],
    ['verify', ['--trust', '--untrusted', '--crl', '--no-crl', '--name', '--purpose', '--at', '--explain'], []],
    ['verify', ['--cert', '--key', '--starttls', '--inventory', '--format'], []],
    ['init', ['--domain', '--permit-ip', '--plane', '--key-type', '--node-key-type', '--root-lifetime'], []],
    ['init', ['--issuing-lifetime', '--node-lifetime', '--rotate-before', '--alert-before', '--crl-lifetime'], []],
    ['join-token', ['--ttl', '--plane', '--inventory', '--out', '--dry-run', '--key-file'], ['--token']],
    ['enroll', ['--server', '--token-file', '--out', '--key-type', '--owner', '--key-mode', '--dry-run'], ['--token']],
    ['agent', ['--server', '--node', '--config', '--out'], []],
    ['serve', ['--listen', '--http-listen', '--inventory', '--key-file'], []],
    [
      'init',
      ['--tolerate-ca-outage', '--crl-url', '--root-keystore', '--allow-group-read', '--dry-run', '--key-file'],
      [],
    ],
  ])('%s lists %j', async (verb, options, absent) => {
    const { stdout } = await run([verb, '--help']);
    for (const option of options) expect(stdout).toMatch(new RegExp(`${option}(?![a-z-])`));
    for (const option of absent) expect(stdout).not.toMatch(new RegExp(`${option.replace('.', '\\.')}(?![a-z-])`));
  });

  test('keystore and audit list their own verbs only', async () => {
    const keystore = (await run(['keystore', '--help'])).stdout;
    for (const verb of ['check', 'passphrase', 'backup', 'restore', 'rewrap', 'slot'])
      expect(keystore).toMatch(new RegExp(`^\\s+${verb}\\b`, 'm'));
    const audit = (await run(['audit', '--help'])).stdout;
    for (const verb of ['verify', 'export', 'checkpoint', 'prove'])
      expect(audit).toMatch(new RegExp(`^\\s+${verb}\\b`, 'm'));
  });
});

describe('what other issues build does not exist: 2', () => {
  test.each(['deploy n1', 'agent'])('%s', async (command) => {
    await fails(run, command.split(' '), 'ERR_USAGE');
  });

  test('a verb that is nearly one: the hint offers it', async () => {
    expect((await fails(run, ['isue', 'n1'], 'ERR_USAGE')).hint).toContain('issue');
  });

  test('an abbreviated option is none', async () => {
    await fails(run, ['list', '--stat', 'valid'], 'ERR_USAGE');
  });
});
