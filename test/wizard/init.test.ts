import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { done, fails } from '../cli/checks.ts';
import { CLUSTER_CA, cli, run } from '../support/cli.ts';
import { newPlace, type Place } from '../support/clusters.ts';
import { describeWith } from '../support/debian.ts';
import { Screen, type ScreenOptions } from '../ui/screen.ts';

const PASSPHRASE = 'correct horse battery';
const place = await newPlace('wizard');
const inTerminal = await describeWith('tmux');

/** A place of a single test, inside the file's own. */
async function subPlace(name: string): Promise<Place> {
  subPlaces += 1;
  const directory = await place.dir(`${name}-${subPlaces}`);
  const [HOME, XDG_DATA_HOME, XDG_STATE_HOME] = ['home', 'data', 'state'].map((child) => join(directory, child)) as [
    string,
    string,
    string,
  ];
  const env = { HOME, XDG_DATA_HOME, XDG_STATE_HOME };
  for (const path of Object.values(env)) await mkdir(path, { mode: 0o700 });
  return { ...place, directory, env };
}
let subPlaces = 0;

const options = (of: Place): ScreenOptions => ({ env: of.env, cwd: of.directory });
const keystores = (of: Place): string => join(of.env.XDG_DATA_HOME, 'cluster-ca');

/** What the last screen says one should type. */
function lastCommand(screen: string): string {
  return (/^ {2}cluster-ca (init .*)$/m.exec(screen)?.[1] ?? '').trim();
}

test.each<[string, string[], Record<string, string>]>([
  ['without a terminal', [], {}],
  ['with --no-input', ['--no-input'], {}],
  ['with CLUSTER_CA_NO_INPUT', [], { CLUSTER_CA_NO_INPUT: '1' }],
])('%s: 2, and the missing argument is named', async (_, flags, env) => {
  const error = await fails(
    (args, more) => cli(args, { ...more, env: { ...place.env, ...env } }),
    ['init', ...flags],
    'ERR_USAGE',
  );
  expect(error.message).toBe("missing required argument 'cluster'");
});

inTerminal('the wizard', () => {
  test('Enter at every question: what it shows, what it makes, and the command that does the same', async () => {
    const screen = await Screen.start(['init'], options(place));
    await screen.answer(/cluster's name/, 'shop');
    await screen.answer(/Domains .*shop\.internal/, '');
    await screen.answer(/Addresses of .*:\s+❯ private and loopback/, '');
    await screen.answer(/Planes .*control data/, '');
    await screen.answer(/The CAs' keys:\s+❯ ecdsa-p256/, '');
    await screen.answer(/nodes 90d.*Change\?/, '');
    await screen.answer(/The keystore: .*cluster-ca\/shop/, '');
    await screen.answer(/What opens the keystore:\s+❯ a passphrase/, '');
    await screen.answer(/Passphrase:/, PASSPHRASE);
    await screen.answer(/once more:/, PASSPHRASE);
    const summary = await screen.waitFor(/Make it\?/);
    expect(summary).toMatch(
      /cannot be changed later\n[\s\S]*CN=shop Root CA G1[\s\S]*only by a new issuing CA\n[\s\S]*10\.0\.0\.0\/8/,
    );
    expect(existsSync(keystores(place))).toBe(false);
    await screen.press('Enter');
    const last = await screen.waitFor(/exit 0/);
    expect(last).not.toContain(PASSPHRASE);
    expect(lastCommand(last)).toBe('init shop');
    const cluster = join(keystores(place), 'shop');
    const env = { ...place.env, CLUSTER_CA_PASSPHRASE: PASSPHRASE };
    expect(await done(cli, ['keystore', 'check', '--keystore', cluster], { env })).toMatchObject({ unsealed: true });
  });

  test('everything answered otherwise, with wrong answers on the way: the command makes the same', async () => {
    const own = await subPlace('wizard-own');
    const screen = await Screen.start(['init'], options(own));
    await screen.answer(/cluster's name/, 'Not A Name');
    await screen.waitFor(/not-a-name/);
    await screen.press('C-u');
    await screen.answer(/name:/, 'bank');
    await screen.answer(/Domains/, 'bank.example, bank.internal');
    await screen.waitFor(/Addresses/);
    await screen.press('Down');
    await screen.answer(/❯ ranges of my own/, '');
    await screen.answer(/Ranges, such as/, '10.20.0.1/16');
    await screen.waitFor(/not an address range/);
    await screen.press('C-u');
    await screen.answer(/Ranges/, '10.20.0.0/16');
    await screen.answer(/Planes/, 'data');
    await screen.waitFor(/The CAs' keys/);
    await screen.press('Down');
    await screen.answer(/❯ ecdsa-p384/, '');
    await screen.answer(/Change\?/, 'y');
    await screen.answer(/The nodes' keys:/, '');
    await screen.answer(/root CA:/, '20d');
    await screen.answer(/issuing CA: \(20d\)/, '');
    await screen.answer(/node certificates: \(20d\)/, '5d');
    await screen.answer(/Rotate when/, '6d');
    await screen.waitFor(/must be shorter than/);
    await screen.press('C-u');
    await screen.answer(/Rotate when/, '2d');
    await screen.answer(/Alert when/, '');
    await screen.answer(/Lifetime of CRLs: \(20d\)/, '');
    await screen.answer(/The keystore:/, join(own.directory, 'bank ca'));
    await screen.waitFor(/What opens/);
    await screen.press('Down');
    await screen.answer(/❯ a key file/, '');
    await screen.answer(/The key file:/, 'bank.key');
    await screen.waitFor(/Make it\?/);
    expect(await readdir(own.directory)).not.toContain('bank.key');
    await screen.answer(/Make it\?/, 'y');
    const command = lastCommand(await screen.waitFor(/exit 0/));
    const policyOf = async (keystore: string): Promise<unknown> =>
      (await done<{ policy: unknown }>(cli, ['inspect', `${keystore}/`], { env: own.env })).policy;
    const again = join(own.directory, 'again');
    const typed = await run('sh', ['-c', `node "$0" ${command} --keystore "$1"`, CLUSTER_CA, again], {
      cwd: own.directory,
      env: own.env,
    });
    expect(typed.code).toBe(0);
    expect(await policyOf(again)).toEqual(await policyOf(join(own.directory, 'bank ca')));
  });

  test('flags are not asked for, and stand in the command', async () => {
    const own = await subPlace('wizard-flags');
    const flags = ['--domain', 'x.internal', '--permit-ip', 'none', '--plane', 'data', '--key-type', 'ecdsa-p256'];
    const screen = await Screen.start(['init', ...flags, '--key-file', 'x.key', '--dry-run'], options(own));
    await screen.answer(/cluster's name/, 'x');
    await screen.answer(/Change\?/, '');
    await screen.answer(/The keystore:/, '');
    const last = await screen.waitFor(/exit 0/);
    expect(last).not.toMatch(/Domains|Addresses of|Planes|CAs' keys|What opens|Make it/);
    expect(lastCommand(last)).toBe('init x --permit-ip none --plane data --key-file x.key');
    expect(existsSync(keystores(own))).toBe(false);
  });

  test.each<[string, (screen: Screen) => Promise<unknown>]>([
    ['Ctrl-C at the first question', (screen) => screen.press('C-c')],
    [
      'Ctrl-C at the last',
      async (screen) => {
        await toTheLast(screen);
        await screen.press('C-c');
      },
    ],
    [
      'no at the last',
      async (screen) => {
        await toTheLast(screen);
        await screen.type('n');
        await screen.press('Enter');
      },
    ],
  ])('%s: 130, and nothing is made', async (_, leave) => {
    const own = await subPlace('wizard-left');
    const screen = await Screen.start(['init', '--key-file', 'left.key'], options(own));
    await screen.waitFor(/cluster's name/);
    await leave(screen);
    const last = await screen.waitFor(/exit \d+/);
    expect(last).toContain('exit 130');
    expect(last).toMatch(/cluster-ca: error: .*nothing was/);
    expect([existsSync(keystores(own)), existsSync(join(own.directory, 'left.key'))]).toEqual([false, false]);
  });

  test('a terminal that can only print lines is asked nothing: 2', async () => {
    const screen = await Screen.start(['init'], { ...options(place), term: 'dumb' });
    expect(await screen.waitFor(/exit \d+/)).toMatch(/missing required argument 'cluster'[\s\S]*exit 2/);
  });

  test('NO_COLOR: no colour in the questions either', async () => {
    const own = await subPlace('wizard-plain');
    const screen = await Screen.start(['init'], { ...options(own), env: { ...own.env, NO_COLOR: '1' } });
    await screen.answer(/cluster's name/, 'plain');
    await screen.answer(/Domains/, '');
    await screen.waitFor(/Addresses/);
    expect(await screen.coloured()).not.toContain('\u001b');
  });
});

async function toTheLast(screen: Screen): Promise<void> {
  await screen.answer(/cluster's name/, 'left');
  for (const question of [/Domains/, /Addresses/, /Planes/, /CAs' keys/, /Change\?/, /The keystore:/])
    await screen.answer(question, '');
  await screen.waitFor(/Make it\?/);
}
