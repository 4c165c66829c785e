import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { done, fails, words } from '../cli/checks.ts';
import { canTrace, injected, moments, wasKilled } from '../cli/strace.ts';
import { tree } from '../cli/tree.ts';
import { type RunOptions, run } from '../support/cli.ts';
import { newPlace } from '../support/clusters.ts';
import { warmCli } from '../support/warm.ts';
import { holderOf } from './forged.ts';

// A new issuing CA, a new root, and what a rollover has to do at its ends, by a root whose medium never comes to the machine
// that has the keystore.
const here = await newPlace('here');
const there = await newPlace('there');
const at = (name: string): string => join(here.directory, name);
const off = (name: string): string => join(there.directory, name);
const env = {
  ...here.env,
  CLUSTER_CA_KEYSTORE: at('keystore'),
  CLUSTER_CA_KEY_FILE: at('key'),
  CLUSTER_CA_INVENTORY: at('cluster.yaml'),
};
const online = (args: string[], options: RunOptions = {}) => warmCli(args, { cwd: here.directory, ...options, env });
/** Another machine: it has the medium, its secret, and what is carried to it. */
const offline = (args: string[]) => warmCli(args, { cwd: there.directory, env: { ...there.env } });

interface Transcript {
  asks: string;
  request: string;
  answer: string;
  certificates: { what: string; subject: string; serial: string; fingerprint?: string; key?: string }[];
  permits: string[];
  destroys: string[];
}
interface Taken {
  phase: string;
  recorded: boolean;
  transcript: Transcript;
}

const start = (...args: string[]) => ['rollover', 'start', ...args];
const advance = (...args: string[]) => ['rollover', 'advance', ...args];
const ask = (name: string, ...more: string[]) => start('--request', at(name), ...more);
const sign = (name: string, verb = 'start', ...more: string[]) => [
  'rollover',
  verb,
  '--sign',
  at(name),
  '--root-keystore',
  off('medium'),
  '--key-file',
  off('root.key'),
  '--out',
  off(`${name}.answer`),
  '--yes',
  ...more,
];
const take = (name: string, verb = 'start', ...more: string[]) => [
  'rollover',
  verb,
  '--accept',
  off(`${name}.answer`),
  '--yes',
  ...more,
];
const records = async () => (await readdir(at('keystore/log/0'))).length;
const sealed = async () => (await readdir(off('medium/sealed'))).length;

beforeAll(async () => {
  // The secret of the root is made there; here it is known to nobody.
  await done(online, ['init', 'orders', '--root-keystore', at('medium'), '--key-file', at('key')]);
  await rename(at('medium'), off('medium'));
  await cp(at('key'), off('root.key'));
  const nodes = ['n1', 'n2'].map((n) => `  ${n}: { planes: [data], services: [{ kind: files, dir: ${at(n)} }] }`);
  await writeFile(at('cluster.yaml'), `cluster: orders\nnodes:\n${nodes.join('\n')}\n`);
  await done(online, ['issue', '--inventory', at('cluster.yaml'), '--out', at('out')]);
  await done(online, ['deploy', '--from', at('out'), '--yes']);
});

describe('a new issuing CA', () => {
  test('asked for here, signed there, accepted here: each step says the same', async () => {
    const before = await records();
    const asked = await done<Transcript>(online, ask('issuing', '--issuing', '--domain', 'more.internal'));
    expect(await records()).toBe(before);
    expect(asked.certificates.map(({ what, subject }) => [what, subject])).toEqual([
      ['issuing CA', 'CN=orders Issuing CA G1.2'],
    ]);
    expect(asked.permits).toContain('more.internal');
    const shown = await done<Transcript>(offline, sign('issuing', 'start', '--dry-run'));
    expect([shown.request, shown.certificates]).toEqual([asked.request, asked.certificates]);
    expect(await readdir(there.directory)).not.toContain('issuing.answer');
    const signed = await done<Transcript>(offline, sign('issuing'));
    expect(signed.request).toBe(asked.request);
    const { transcript, recorded } = await done<Taken>(online, take('issuing'));
    const { files: _, schemaVersion: __, ...same } = signed as Transcript & { files: string[]; schemaVersion: number };
    expect([recorded, transcript]).toEqual([true, same]);
    // In force: with names of the new domain, and openssl agrees.
    await done(online, ['rotate', 'n1', '--deploy', '--yes']);
    await done(online, ['issue', 'n3.more.internal', '--plane', 'data', '--out', at('out')]);
    const cert = at('out/n3.more.internal/data/cert.pem');
    const checked = await run('openssl', [
      'verify',
      '-CAfile',
      at('keystore/public/trust-bundle.pem'),
      '-untrusted',
      cert,
      cert,
    ]);
    expect(checked.stdout).toContain('OK');
    await done(online, ['revoke', 'n3.more.internal', '--yes']);
    expect((await done<Taken>(online, take('issuing'))).recorded).toBe(false);
    await done(online, ['audit', 'verify']);
    // Signed twice: the certificate that is recorded is shown, and that this one is not it.
    await rm(off('issuing.answer'));
    const [other] = (await done<Transcript>(offline, sign('issuing'))).certificates;
    expect(other?.fingerprint).not.toBe(signed.certificates[0]?.fingerprint);
    const again = await online([...take('issuing'), '--json']);
    expect([again.code, again.json().transcript.certificates]).toEqual([0, signed.certificates]);
    expect(again.json().warnings).toContain(
      `the issuing CA in this answer is not the recorded one: its fingerprint is ${other?.fingerprint}`,
    );
  });

  test('two requests: the second that comes back is refused; so is one whose key is gone', async () => {
    for (const name of ['first', 'second']) {
      await done(online, ask(name, '--issuing'));
      await done(offline, sign(name));
    }
    await done(online, take('second'));
    await fails(online, take('first'), 'ERR_STATE');
    await done(online, ask('gone', '--issuing'));
    await done(offline, sign('gone'));
    const { ca } = JSON.parse((await readFile(at('gone'), 'utf8')).split('\n')[0] as string);
    await rm(at(`keystore/sealed/${ca.sealed.keyId}.${ca.sealed.epoch}`));
    expect(words(await fails(online, take('gone'), 'ERR_STATE'))).toContain('--request');
  });

  test('what was changed on the way is refused, there and here', async () => {
    await done(online, ask('whole', '--issuing'));
    const text = await readFile(at('whole'), 'utf8');
    await writeFile(at('wider'), text.replace('"domains":["orders.internal"', '"domains":["everything.net"'));
    expect(await readFile(at('wider'), 'utf8')).not.toBe(text);
    await fails(offline, sign('wider'), 'ERR_CONFIG');
    expect(await readdir(there.directory)).not.toContain('wider.answer');
    await done(offline, sign('whole'));
    const answer = await readFile(off('whole.answer'), 'utf8');
    const other = JSON.parse(await readFile(off('second.answer'), 'utf8'));
    const own = JSON.parse(answer);
    for (const [name, changed] of Object.entries({
      certificate: answer.replace(own.certificates[0], other.certificates[0]),
      time: answer.replace(own.signedAt, '2030-01-01T00:00:00.000Z'),
      request: answer.replace(own.request, other.request),
      inside: answer.replace(own.request, (await readFile(at('wider'))).toString('base64')),
    })) {
      expect([name, changed]).not.toEqual([name, answer]);
      await writeFile(off('changed.answer'), changed);
      const { message } = await fails(online, take('changed'), 'ERR_CONFIG');
      expect(message.match(/none of this keystore/g)).toHaveLength(1);
    }
  });

  test('of another cluster: neither signed nor taken; by another command: 2', async () => {
    const elsewhere = { ...env, CLUSTER_CA_KEYSTORE: at('other'), CLUSTER_CA_KEY_FILE: at('other.key') };
    const other = (args: string[]) => warmCli(args, { cwd: here.directory, env: elsewhere });
    await done(other, ['init', 'other', '--root-keystore', at('other-medium')]);
    await done(other, ask('of-other', '--issuing'));
    await fails(offline, sign('of-other'), 'ERR_CONFIG');
    await fails(other, take('whole'), 'ERR_CONFIG');
    const [, , ...flags] = sign('whole');
    expect((await fails(offline, ['crl', ...flags], 'ERR_USAGE')).hint).toContain('rollover start');
    await fails(offline, sign('whole', 'advance'), 'ERR_USAGE');
    await fails(online, take('whole', 'advance'), 'ERR_USAGE');
  });

  test('it is shown, and asked, before it is signed; where the root is at hand there is nothing to carry', async () => {
    const flags = sign('whole').filter((word) => word !== '--yes');
    const { code, stderr } = await offline(flags);
    expect([code, stderr]).toEqual([2, expect.stringContaining('orders Issuing CA G1.')]);
    await done(online, ['init', 'plain', '--keystore', at('plain')]);
    await fails(online, [...ask('x', '--issuing'), '--keystore', at('plain')], 'ERR_STATE');
    await fails(online, ask('x', '--accept', 'y'), 'ERR_USAGE');
    await fails(online, ask('x', '--from-anchor', 'y'), 'ERR_USAGE');
    await fails(online, ask('x', '--backup', 'y'), 'ERR_USAGE');
    await fails(online, take('whole', 'start', '--domain', 'x.internal'), 'ERR_USAGE');
    await fails(online, start('--yes'), 'ERR_INPUT_REQUIRED');
  });
});

const onLinux = canTrace ? test : test.skip;

onLinux(
  'an answer whose taking is killed, before its record and behind it, is taken by the same command',
  async () => {
    const target = { env: { PATH: process.env.PATH ?? '', ...env }, out: here.directory };
    const copy = async (from: string, to: string): Promise<void> => {
      await rm(at(to), { recursive: true, force: true });
      await cp(at(from), at(to), { recursive: true });
    };
    await done(online, ask('killed', '--issuing'));
    await done(offline, sign('killed'));
    await copy('keystore', 'before');
    await copy('state', 'state-before');
    const args = [...take('killed'), '--json'];
    const links = (await moments(target, at('steps'), args)).filter(([call]) => call === 'link');
    const recorded: boolean[] = [];
    for (const moment of links) {
      await copy('before', 'keystore');
      await copy('state-before', 'state');
      expect(wasKilled(await injected(target, moment, 'signal=SIGKILL', args))).toBe(true);
      recorded.push((await done<Taken>(online, take('killed'))).recorded);
      await done(online, ['audit', 'verify']);
      await done(online, ['keystore', 'check']);
    }
    expect(recorded).toContain(true);
  },
  240_000,
);

describe('a new root', () => {
  test('its key is made there; signed twice, killed in between, it is the same', async () => {
    const asked = await done<Transcript>(online, ask('root'));
    expect(asked.certificates.map(({ what, key }) => [what, key === undefined])).toEqual([
      ['root CA', true],
      ['issuing CA', false],
      ['the new root by the old', true],
      ['audit key', false],
    ]);
    const keys = await sealed();
    await done(offline, sign('root'));
    expect(await sealed()).toBe(keys + 1);
    await rename(off('root.answer'), off('first-root.answer'));
    await done(offline, sign('root'));
    expect(await sealed()).toBe(keys + 1);
    const before = await tree(at('keystore'));
    await done(online, take('root', 'start', '--dry-run'));
    expect(await tree(at('keystore'))).toEqual(before);
    const taken = await done<Taken>(online, take('root', 'start', '--backup', at('backup')));
    expect([taken.phase, taken.recorded]).toEqual(['prepared', true]);
    // The other answer says the same.
    expect((await done<Taken>(online, take('first-root'))).recorded).toBe(false);
    await fails(online, ask('another'), 'ERR_STATE');
    await done(online, ['audit', 'verify']);
    await done(online, ['keystore', 'check']);
  });

  test('taken back: the key of the new root is removed there, and by nothing else', async () => {
    const keys = await sealed();
    await fails(online, ['rollover', 'rollback', '--yes'], 'ERR_INPUT_REQUIRED');
    const back = await done<Taken>(online, ['rollover', 'rollback', '--yes', '--request', at('back')]);
    expect([back.phase, back.transcript.destroys]).toEqual(['stable', ['root-g2']]);
    await fails(offline, sign('back', 'advance'), 'ERR_INPUT_REQUIRED');
    await fails(offline, sign('back', 'advance', '--confirm', 'other'), 'ERR_CANCELLED');
    expect(await sealed()).toBe(keys);
    await done(offline, sign('back', 'advance', '--confirm', 'orders'));
    expect(await sealed()).toBe(keys - 1);
    // Again there is nothing left to remove; an answer to a rollover that is over starts none.
    await done(offline, sign('back', 'advance', '--confirm', 'orders'));
    await done(online, take('back', 'advance'));
    await fails(online, take('root'), 'ERR_STATE');
  });

  test('to the end: the last CRL is signed there, then the old key is removed', async () => {
    await done(online, ask('next'));
    await done(offline, sign('next'));
    await done(online, take('next'));
    await fails(online, advance('--request', at('too-early')), 'ERR_STATE');
    for (const phase of ['distribute', 'issue-new', 'retire'])
      expect((await done<Taken>(online, advance('--yes'))).phase).toBe(phase);
    expect((await fails(online, advance('--yes'), 'ERR_INPUT_REQUIRED')).hint).toContain('--request');
    const asked = await done<Transcript>(online, advance('--request', at('last')));
    expect(asked.asks).toBe('last-crl');
    // One of the root that stays is not the last of the one that goes; one that is late replaces no last one.
    const crlOf = async (authority: string, name: string): Promise<void> => {
      await done(online, ['crl', '--renew', '--authority', authority, '--request', at(name)]);
    };
    await crlOf('root-g3', 'stays');
    const forge = await holderOf(at('keystore'), at('key'));
    await forge(at('stays'), at('stays-last'), (request) => ({ ...request, type: 'last-crl' }));
    const odd = await done<{ beware: string[] }>(offline, sign('stays-last', 'advance'));
    expect(odd.beware).toContain('the last CRL ends before its root does');
    await fails(online, take('stays-last', 'advance'), 'ERR_STATE');
    await crlOf('root-g1', 'late');
    const [, , ...late] = sign('late');
    await done(offline, ['crl', ...late]);
    await done(offline, sign('last', 'advance'));
    expect((await done<Taken>(online, take('last', 'advance'))).phase).toBe('done');
    expect((await done<Taken>(online, take('last', 'advance'))).recorded).toBe(false);
    await fails(online, ['crl', '--accept', off('late.answer')], 'ERR_STATE');
    await done(online, advance('--request', at('remove')));
    const keys = await sealed();
    const removed = await done<Transcript>(offline, sign('remove', 'advance', '--confirm', 'orders'));
    expect([removed.destroys, await sealed()]).toEqual([['root-g1', 'root-g2'], keys - 1]);
    await done(online, take('remove', 'advance'));
    // The new root goes on by the same ways, and the old CRL is handed out.
    const crls = await done<{ crls: { authority: string }[] }>(online, ['crl']);
    expect(crls.crls.map(({ authority }) => authority)).toEqual(expect.arrayContaining(['root-g1', 'root-g3']));
    await done(online, ['crl', '--renew', '--authority', 'root-g3', '--request', at('crl')]);
    const [, , ...flags] = sign('crl');
    await done(offline, ['crl', ...flags]);
    await done(online, ['crl', '--accept', off('crl.answer')]);
    await done(online, ['audit', 'verify', '--trust', at('n1/ca.pem')]);
    await done(online, ['keystore', 'check']);
    await done(online, ['keystore', 'check', '--root-keystore', off('medium')]);
  });

  test('a node is cut off: what needs the root is carried, and the rest is done without it', async () => {
    const cut = ['revoke', 'n2', '--cut-off', '--reason', 'keyCompromise', '--confirm', 'orders'];
    const before = await records();
    expect((await fails(online, cut, 'ERR_INPUT_REQUIRED')).hint).toContain('cluster-ca rollover start --request FILE');
    expect(await records()).toBe(before);
    await done(online, ask('cut'));
    await done(offline, sign('cut'));
    await done(online, take('cut'));
    const { revoked, refused, rollover } = await done<{
      revoked: { node: string }[];
      refused: { node: string; role: string }[];
      rollover: { phase: string; blocking: string[] };
    }>(online, cut);
    expect([...new Set(revoked.map(({ node }) => node))]).toEqual(['n2']);
    expect(rollover).toMatchObject({ phase: 'retire', blocking: [], excluded: [{ node: 'n2' }] });
    expect(refused.map(({ node, role }) => `${node} ${role}`).toSorted()).toEqual(['n1 accept', 'n1 connect']);
    // The same command goes on, and finds that the last step alone is left.
    expect((await done<{ rollover: { phase: string } }>(online, cut)).rollover.phase).toBe('retire');
    await done(online, advance('--request', at('cut-last')));
    await done(offline, sign('cut-last', 'advance'));
    expect((await done<Taken>(online, take('cut-last', 'advance'))).phase).toBe('done');
    expect((await done<{ refused: unknown[] }>(online, cut)).refused).toHaveLength(2);
    await done(online, ['keystore', 'check']);
  });
});
