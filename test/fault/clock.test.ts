import { expect, test } from '@jest/globals';
import { document, done, errorObject, expectExit } from '../cli/checks.ts';
import type { CheckDocument, CrlDocument, ListDocument, RevokeDocument } from '../cli/documents.ts';
import { openssl } from '../cli/x509.ts';
import { CLUSTER_CA, run } from '../support/cli.ts';
import { newCluster } from '../support/clusters.ts';
import { describeWith, program } from '../support/debian.ts';

// The clock of the whole process, by libfaketime: a year ahead, a year back, standing still. What must always work, works;
// nothing is revoked, pruned or locked out because of a jump.
const cluster = await newCluster();
const describeClock = await describeWith('faketime');
const { ca, env, out } = cluster;

/** Runs the tool under a clock: `+365d`, or a time at which it stands still. */
const under = (clock: string, args: string[]) =>
  run(program('faketime'), ['-f', clock, process.execPath, CLUSTER_CA, ...args], {
    cwd: out,
    // Timers and the times of files stay real.
    env: { ...env, FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1', TZ: 'UTC' },
  });

const valid = async (): Promise<string[]> =>
  (await done<ListDocument>(ca, ['list', '--all'])).certificates
    .filter(({ status }) => status === 'valid')
    .map(({ node }) => node)
    .sort();

/** The CRL lists so many, n1, n2, n5 among them, and is valid now, whatever the clock was that it was signed under. */
async function expectCrl(most: number): Promise<void> {
  const { crls } = await done<CrlDocument>(ca, ['crl']);
  for (const { thisUpdate, nextUpdate } of crls) {
    expect(Date.parse(thisUpdate)).toBeLessThanOrEqual(Date.now());
    expect(Date.parse(nextUpdate)).toBeGreaterThan(Date.now());
  }
  const pem = crls.find(({ authority }) => authority.startsWith('issuing'))?.pem ?? '';
  const listed = (await openssl(['crl', '-noout', '-text'], pem)).match(/Serial Number:/g) ?? [];
  expect(listed.length).toBeGreaterThanOrEqual(3);
  expect(listed.length).toBeLessThanOrEqual(most);
}

describeClock('the clock', () => {
  test('stands still: everything works', async () => {
    const now = new Date().toISOString().replace('T', ' ').slice(0, 19);
    for (const args of [
      ['issue', 'n1', 'n2', 'n3', '--plane', 'data'],
      ['revoke', 'n1', '--yes'],
      ['rotate', 'n2'],
    ])
      expectExit(await under(now, args), 0);
    expect(await valid()).toEqual(['n2', 'n3']);
  });

  test('is a year behind: revoke, crl and reading work, issue is refused', async () => {
    const refused = await under('-365d', ['issue', 'n4', '--plane', 'data', '--json']);
    errorObject(refused, 'ERR_CLOCK');
    for (const args of [
      ['revoke', 'n2', '--yes'],
      ['crl', '--renew'],
      ['list'],
      ['audit', 'verify'],
      ['keystore', 'check'],
    ])
      expectExit(await under('-365d', args), 0);
    expect(await valid()).toEqual(['n3']);
  });

  test('is a year ahead: a warning; what is written then locks nobody out for good', async () => {
    await done(ca, ['issue', 'n5', 'n6', '--plane', 'data']);
    const result = await under('+365d', ['revoke', 'n5', '--yes', '--json']);
    expectExit(result, 0);
    expect(document<RevokeDocument & { warnings?: string[] }>(result).warnings?.join()).toMatch(/days beyond/);
    // Back again: nothing was pruned, revoke works, and the operator's word is what issue wants.
    expect(await valid()).toEqual(['n3', 'n6']);
    await expectCrl(4);
    await done(ca, ['revoke', 'n6', '--yes']);
    errorObject(await ca(['issue', 'n7', '--plane', 'data', '--json']), 'ERR_CLOCK');
    await done(ca, ['issue', 'n7', '--plane', 'data', '--accept-clock', '--confirm', 'orders']);
    await done(ca, ['issue', 'n8', '--plane', 'data']);
    expect(await valid()).toEqual(['n3', 'n7', 'n8']);
    expect((await done<CheckDocument>(ca, ['keystore', 'check'])).findings).toEqual([]);
    await done(ca, ['audit', 'verify']);
    await expectCrl(5);
  });
});
