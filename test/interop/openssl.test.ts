import { expect, test } from '@jest/globals';
import { run } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { describeMade, type MadeCa, type MadeCertificate, makeAll } from './support/made.ts';

// Everything the code makes passes openssl's strict checks, with every CRL.

const made = await makeAll(await scratch('openssl'));
const all = made.flatMap((ca) => ca.certificates.map((one) => [describeMade(one), one, ca] as const));

function verify(one: MadeCertificate, { files }: MadeCa, purpose: string, more: string[] = []) {
  const strict = ['-x509_strict', '-check_ss_sig', '-crl_check_all', '-purpose', purpose, '-verify_depth', '2'];
  const trust = ['-no-CAfile', '-no-CApath', '-no-CAstore', '-CAfile', files.root, '-untrusted', files.issuing];
  return run('openssl', ['verify', ...strict, ...trust, '-CRLfile', files.crls, ...more, one.chain]);
}

const PURPOSES: Record<MadeCertificate['profile'], string[]> = {
  peer: ['sslserver', 'sslclient'],
  server: ['sslserver'],
  client: ['sslclient'],
  probe: ['sslclient'],
};

test.each(all)('%s', async (_, one, ca) => {
  for (const purpose of ['sslserver', 'sslclient']) {
    const allowed = PURPOSES[one.profile].includes(purpose) && !one.revoked;
    const { code, stderr } = await verify(one, ca, purpose);
    expect([purpose, code, /error/.test(stderr)]).toEqual([purpose, allowed ? 0 : 2, !allowed]);
    if (one.revoked) expect(stderr).toContain('certificate revoked');
    else if (!allowed) expect(stderr).toMatch(/unsuitable|unsupported certificate purpose/);
  }
});

test.each(made.map((ca) => [ca.caType, ca] as const))('names are checked, under %s', async (_, ca) => {
  const peer = ca.certificates.find(({ profile, keyType }) => profile === 'peer' && keyType === 'ecdsa-p256');
  const check = async (...more: string[]) => (await verify(peer as MadeCertificate, ca, 'sslserver', more)).code;
  expect(await check('-verify_hostname', 'n1.test.internal')).toBe(0);
  expect(await check('-verify_hostname', 'n2.test.internal')).not.toBe(0);
  expect(await check('-verify_ip', '127.0.0.1')).toBe(0);
  expect(await check('-verify_ip', '10.0.0.9')).not.toBe(0);
});

test.each(made.map((ca) => [ca.caType, ca] as const))('the CAs themselves, under %s', async (_, { files }) => {
  const strict = ['-x509_strict', '-check_ss_sig', '-crl_check_all', '-CRLfile', files.crls, '-CAfile', files.root];
  for (const file of [files.root, files.issuing]) {
    const { code, stderr } = await run('openssl', ['verify', ...strict, file]);
    expect([code, stderr]).toEqual([0, '']);
  }
});

test('the other family’s CA is no help', async () => {
  const [first, second] = made as [MadeCa, MadeCa];
  const { code } = await verify(first.certificates[0] as MadeCertificate, second, 'sslserver');
  expect(code).toBe(2);
});
