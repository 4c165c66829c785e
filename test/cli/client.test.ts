import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newCluster } from '../support/clusters.ts';
import { done, fails } from './checks.ts';
import type { IssueDocument, ListDocument, RevokeDocument } from './documents.ts';
import { files } from './tree.ts';
import { certificateText, openssl, readPair } from './x509.ts';

const cluster = await newCluster();
const { ca, out } = cluster;

describe('issue --client', () => {
  test('clientAuth only, no plane, CN and URI of the name', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', '--client', 'app_rw']);
    expect(made).toHaveLength(1);
    expect(made[0]).toMatchObject({ kind: 'client', node: 'app_rw', subject: 'CN=app_rw', status: 'valid' });
    expect(made[0]).not.toHaveProperty('plane');
    expect(made[0]?.subjectAltNames).toContain('URI:spiffe://orders.internal/client/app_rw');
    expect((await files(out)).filter((name) => name.startsWith('clients/app_rw/'))).toEqual(
      ['ca', 'cert', 'key'].map((name) => `clients/app_rw/${name}.pem`),
    );
    const pair = await readPair(join(out, 'clients/app_rw'));
    expect([pair.matches, pair.keyMode]).toEqual([true, 0o600]);
    const text = await certificateText(join(out, 'clients/app_rw/cert.pem'));
    expect(text).toMatch(/Extended Key Usage:.*\n\s+TLS Web Client Authentication\n/);
  });

  test('openssl takes it as a client and not as a server', async () => {
    const directory = join(out, 'clients/app_rw');
    const verify = (purpose: string): Promise<string> =>
      openssl([
        ...['verify', '-x509_strict', '-purpose', purpose, '-CAfile', join(directory, 'ca.pem')],
        ...['-untrusted', join(directory, 'cert.pem'), join(directory, 'cert.pem')],
      ]);
    expect(await verify('sslclient')).toMatch(/OK/);
    await expect(verify('sslserver')).rejects.toThrow(/purpose/);
  });

  test('every NAME of the command is one: --client takes no value', async () => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', 'one', '--client', 'two', 'Three@x.y']);
    expect(made.map(({ kind, node }) => `${kind} ${node}`).sort()).toEqual([
      'client Three@x.y',
      'client one',
      'client two',
    ]);
  });

  test('again: unchanged; rotated, listed and revoked by its name', async () => {
    await done(ca, ['issue', '--client', 'life']);
    expect((await done<IssueDocument>(ca, ['issue', '--client', 'life'])).unchanged).toHaveLength(1);
    const rotated = await done<IssueDocument>(ca, ['rotate', 'life']);
    expect(rotated.certificates.map(({ kind }) => kind)).toEqual(['client']);
    expect((await readPair(join(out, 'clients/life'))).serial).toBe(rotated.certificates[0]?.serial);
    const { certificates: listed } = await done<ListDocument>(ca, ['list', '--node', 'life']);
    expect(listed.map(({ serial }) => serial)).toEqual([rotated.certificates[0]?.serial]);
    expect((await done<RevokeDocument>(ca, ['revoke', 'life', '--yes'])).revoked).toHaveLength(2);
  });

  test('a name inside the domain that looks like a DNS name', async () => {
    await done(ca, ['issue', '--client', 'app.orders.internal']);
  });

  test('a name that looks like a DNS name outside the constraints: 5', async () => {
    await fails(ca, ['issue', '--client', 'app.evil.example'], 5);
  });

  test.each(['', '.hidden', '-x', 'a/b', '../x', 'a b', 'a'.repeat(65), 'ä', 'a\u001b[1m'])(
    'the name %j is not legal: 2',
    async (name) => {
      await fails(ca, ['issue', '--client', '--', name], 2);
    },
  );

  test.each([['a'.repeat(64)], ['0'], ['A._@-z']])('the name %j is', async (name) => {
    await done(ca, ['issue', '--client', name, '--dry-run']);
  });

  test('--plane makes no sense: 2', async () => {
    await fails(ca, ['issue', '--client', 'app_rw', '--plane', 'data'], 2);
  });

  test.each(['operator', 'auditor'])('--role %s is in the URI', async (role) => {
    const { certificates: made } = await done<IssueDocument>(ca, ['issue', '--client', `u-${role}`, '--role', role]);
    expect(made[0]?.subjectAltNames).toContain(`URI:spiffe://orders.internal/role/${role}/u-${role}`);
  });

  test.each([
    ['that is none', ['--client', 'x', '--role', 'root']],
    ['of a node', ['x', '--role', 'operator']],
  ])('a --role %s: 2', async (_, args) => {
    await fails(ca, ['issue', ...args], 2);
  });
});
