import { expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { describeWith, program } from '../support/debian.ts';
import { scratch } from '../support/scratch.ts';
import { describeMade, type MadeCa, makeAll } from './support/made.ts';

// GnuTLS, which ignores URIs in name constraints and is strict about much else.

const describeGnutls = await describeWith('certtool');
const made = await makeAll(await scratch('gnutls'));

describeGnutls('certtool', () => {
  const all = made.flatMap((ca) => ca.certificates.map((one) => [describeMade(one), one, ca] as const));
  const verify = ({ files }: MadeCa, chain: string, more: string[] = []) =>
    run(program('certtool'), [
      '--verify',
      '--load-ca-certificate',
      files.root,
      '--load-crl',
      files.crls,
      '--infile',
      chain,
      ...more,
    ]);

  test.each(all)('verifies %s', async (_, one, ca) => {
    const { code, stdout } = await verify(ca, one.chain);
    expect([code === 0, /Chain verification output: Verified/.test(stdout)]).toEqual([!one.revoked, !one.revoked]);
    if (one.revoked) expect(stdout).toContain('revoked');
  });

  test.each(made.map((ca) => [ca.caType, ca] as const))('purpose, name and anchor count, under %s', async (_, ca) => {
    const of = (profile: string) => ca.certificates.find((one) => one.profile === profile)?.chain as string;
    const server = ['--verify-purpose', '1.3.6.1.5.5.7.3.1'];
    expect((await verify(ca, of('server'), server)).code).toBe(0);
    expect((await verify(ca, of('client'), server)).code).not.toBe(0);
    expect((await verify(ca, of('peer'), ['--verify-hostname', 'n1.test.internal'])).code).toBe(0);
    expect((await verify(ca, of('peer'), ['--verify-hostname', 'n2.test.internal'])).code).not.toBe(0);
    const other = made.find((one) => one !== ca) as MadeCa;
    expect((await verify(other, of('peer'))).code).not.toBe(0);
  });

  test.each(made.map((ca) => [ca.caType, ca] as const))('reads the CRLs, under %s', async (_, { files }) => {
    const shown = await run(program('certtool'), ['--crl-info', '--infile', files.crls]);
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('CRL Number')]);
  });
});
