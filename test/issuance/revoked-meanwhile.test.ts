import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readTar } from '../../src/archive/read-tar.ts';
import { type Certified, type CertifiedItem, certifyTogether } from '../../src/issuance/certify.ts';
import { issueCertificates } from '../../src/issuance/issue.ts';
import { issueInBatches } from '../../src/issuance/issue-fleet.ts';
import type { IssueRequest } from '../../src/issuance/issue-request.ts';
import type { IssueItem } from '../../src/issuance/item.ts';
import { agentProbeName } from '../../src/issuance/probe.ts';
import { makeToken } from '../../src/joining/make-token.ts';
import { redeemToken } from '../../src/joining/redeem.ts';
import { decodeToken, secretOf } from '../../src/joining/token.ts';
import type { IssuedCertificate } from '../../src/keystore/certificates/row.ts';
import { holderDirectory, Place } from '../../src/placement/place.ts';
import { certifyProbes } from '../../src/rollover/evidence/probes.ts';
import { testKey } from '../pki/support/authorities.ts';
import { anotherWriter, openKeystore } from '../support/open-keystore.ts';
import { beforeCommit, revokeNode } from '../support/revoke-between.ts';
import { scratch } from '../support/scratch.ts';

// Another writer, without the lock, revokes a node while its next certificate is on its way: the serials are reserved,
// and the record that would issue it is yet to be written.
const NOW = new Date('2026-06-15T12:00:00.500Z');
const home = await scratch('revoked-meanwhile');
const directory = join(home, 'shared');
const writer = await openKeystore(directory, NOW);
const other = await anotherWriter(directory, NOW);
let runs = 0;

function item(name: string, plane = 'data'): IssueItem {
  const dns = [`${name}.orders.internal`];
  return { kind: 'node', name, plane, profile: 'peer', dns, ip: [], keyType: 'ecdsa-p256', wildcards: false };
}

const id = (): string => `run-${runs++}`;
const rotation = { forceNew: true, skipRevoked: true, partial: true };
const ordered = { forceNew: true, skipRevoked: false, partial: false };

function request(items: IssueItem[], how: Pick<IssueRequest, 'forceNew' | 'skipRevoked' | 'partial'>, out?: string) {
  return { items, out, access: { keyMode: 0o600 }, requestId: id(), requestHash: '00'.repeat(32), ...how };
}

/** Issues to them, each file in its place where there is one. */
async function issue(made: IssueRequest) {
  const places = new Map<IssueItem, Place>();
  for (const one of made.out === undefined ? [] : made.items) {
    const place = new Place(holderDirectory(made.out as string, one), made.access);
    await place.open();
    places.set(one, place);
  }
  return writer.inTurn(1000, () => issueCertificates(writer, made, places));
}

async function of(name: string): Promise<IssuedCertificate[]> {
  await writer.keystore.refresh();
  return writer.keystore.query((index) => index.ofName('node', name));
}

const isOpen = ({ revoked }: IssuedCertificate): boolean => revoked === undefined;
const names = (list: Iterable<{ node: string; why?: string }>): string[] => [...list].map(({ node }) => node);

describe('one after the other', () => {
  test('a rotation leaves it out, and makes the others', async () => {
    await issue(request([item('n1'), item('n2')], ordered));
    beforeCommit(writer, 'issue', () => revokeNode(other, 'n1'));
    const result = await issue(request([item('n1'), item('n2')], rotation));
    expect([names(result.certificates), result.failed]).toEqual([['n2'], []]);
    expect([...result.unchanged]).toEqual([expect.objectContaining({ node: 'n1', why: 'revoked', status: 'revoked' })]);
    expect((await of('n1')).filter(isOpen)).toEqual([]);
    expect((await of('n2')).filter(isOpen)).toHaveLength(2);
  });

  test('on one plane: the other is rotated', async () => {
    const both = [item('n3', 'control'), item('n3', 'data')];
    await issue(request(both, ordered));
    beforeCommit(writer, 'issue', () => revokeNode(other, 'n3', 'data'));
    const result = await issue(request(both, rotation));
    expect([...result.certificates].map(({ plane }) => plane)).toEqual(['control']);
    expect((await of('n3')).filter(isOpen).map(({ plane }) => plane)).toEqual(['control', 'control']);
  });

  test('a plane that it had nothing on yet', async () => {
    await issue(request([item('n4', 'control')], ordered));
    beforeCommit(writer, 'issue', () => revokeNode(other, 'n4'));
    await expect(issue(request([item('n4', 'data')], ordered))).rejects.toMatchObject({ code: 'ERR_STATE' });
    expect((await of('n4')).filter(isOpen)).toEqual([]);
  });

  test('an operator’s rotate or issue of that name: 6, nothing is issued, no key is left', async () => {
    const out = join(home, 'ordered');
    const both = [item('n5'), item('n6')];
    await issue(request(both, ordered, out));
    const before = await readFile(join(out, 'n6/data/cert.pem'));
    for (const how of [ordered, { ...rotation, partial: false }]) {
      beforeCommit(writer, 'issue', () => revokeNode(other, 'n5'));
      const error = { code: 'ERR_STATE', hint: expect.stringContaining('cluster-ca issue n5') };
      await expect(issue(request(both, how, out))).rejects.toMatchObject(error);
      expect((await of('n5')).filter(isOpen)).toEqual([]);
      expect(await readFile(join(out, 'n6/data/cert.pem'))).toEqual(before);
      expect((await readdir(join(out, 'n5/data'))).sort()).toEqual(['ca.pem', 'cert.pem', 'key.pem']);
      // Asked again, knowing that it is revoked: it gets one.
      const [again] = (await issue(request([item('n5')], ordered, out))).certificates;
      expect((await of('n5')).filter(isOpen).map(({ serial }) => serial)).toEqual([again?.serial]);
    }
  });
});

describe('a fleet', () => {
  const fleet = Array.from({ length: 40 }, (_, i) => item(`f${i}`));
  const turn = (made: IssueRequest) => writer.inTurn(1000, () => issueInBatches(writer, made, () => {}));

  test.each([
    ['a directory', 'fleet', 'f7'],
    ['an archive', 'fleet.tar', 'f8'],
  ])('%s: it is left out, and the others are whole', async (_, file, gone) => {
    const out = join(home, file);
    if (!file.endsWith('.tar')) await mkdir(out);
    await issue(request([item(gone)], ordered));
    beforeCommit(writer, 'issue', () => revokeNode(other, gone));
    const result = await turn(request(fleet, rotation, out));
    const made = [...result.certificates];
    // Who was revoked by the run before is left out as well.
    expect(names(result.unchanged)).toEqual(gone === 'f7' ? ['f7'] : ['f7', 'f8']);
    expect(made).toHaveLength(gone === 'f7' ? 39 : 38);
    expect((await of(gone)).filter(isOpen)).toEqual([]);
    const written = file.endsWith('.tar')
      ? [...readTar(out, (name) => name.endsWith('/key.pem'))].map(({ path }) => path.split('/')[0])
      : made.map(({ node }) => node).filter((node) => existsSync(join(out, node, 'data/key.pem')));
    expect(written.sort()).toEqual(names(made).sort());
    if (!file.endsWith('.tar')) expect(existsSync(join(out, gone))).toBe(false);
    const left = await readdir(home);
    expect(left.filter((name) => name.startsWith('.cluster-ca.'))).toEqual([]);
  });

  test('an operator’s, of names: 6, and nothing is issued', async () => {
    await issue(request([item('f9')], ordered));
    beforeCommit(writer, 'issue', () => revokeNode(other, 'f9'));
    const made = request(fleet, ordered, join(home, 'ordered.tar'));
    await expect(turn(made)).rejects.toMatchObject({ code: 'ERR_STATE' });
    expect([existsSync(made.out as string), (await of('f9')).filter(isOpen)]).toEqual([false, []]);
  });
});

describe('at the daemon', () => {
  const { spki } = testKey('ecdsa-p256');
  const certified = (name: string, plane = 'data'): CertifiedItem => ({ ...item(name, plane), publicKey: spki });
  const certify = (items: CertifiedItem[]): Promise<Certified[]> =>
    writer.inTurn(1000, () => certifyTogether(writer, items, { requestId: id(), requestHash: '00'.repeat(32) }));
  const codeOf = (one: Certified | undefined): string | undefined =>
    one === undefined || !('error' in one) ? undefined : one.error.code;

  test('a renewal under way: refused, and the others of the same record are made', async () => {
    await issue(request([item('d1'), item('d2')], ordered));
    beforeCommit(writer, 'issue', () => revokeNode(other, 'd1'));
    const [first, second] = await certify([certified('d1'), certified('d2')]);
    expect([codeOf(first), codeOf(second)]).toEqual(['ERR_STATE', undefined]);
    expect((await of('d1')).filter(isOpen)).toEqual([]);
    expect((await of('d2')).filter(isOpen)).toHaveLength(2);
  });

  test.each([
    ['before its turn', 'reserve'],
    ['in its turn', 'issue'],
  ] as const)('a plane that the node had nothing on yet, revoked %s', async (when, op) => {
    const node = `d3-${op}`;
    await issue(request([item(node, 'control'), item(`${node}-b`)], ordered));
    const [{ serial = '' } = {}] = await of(node);
    if (when === 'in its turn') beforeCommit(writer, op, () => revokeNode(other, node));
    else await revokeNode(other, node);
    await writer.keystore.refresh();
    const [first, second] = await certify([{ ...certified(node), askedWith: serial }, certified(`${node}-b`)]);
    expect([codeOf(first), codeOf(second)]).toEqual(['ERR_STATE', undefined]);
    expect((await of(node)).filter(isOpen)).toEqual([]);
  });

  test('a token that is being used: refused, on each plane', async () => {
    await issue(request([item('d4', 'control')], ordered));
    const { token } = await makeToken(writer, { node: 'd4', planes: ['data', 'control'], ttl: 60 }, 1000);
    const secret = secretOf(decodeToken(token));
    beforeCommit(writer, 'issue', () => revokeNode(other, 'd4'));
    const items = [certified('d4', 'data'), certified('d4', 'control')];
    await expect(redeemToken(writer, secret, 'd4', items, 1000)).rejects.toMatchObject({ details: { token: true } });
    expect((await of('d4')).filter(isOpen)).toEqual([]);
  });

  test('what its agent is to ask its services with', async () => {
    await issue(request([item('d5')], ordered));
    const [{ serial = '' } = {}] = await of('d5');
    const ask = () => certifyProbes(writer, 1000, spki, { node: 'd5', askedWith: serial }, false);
    await ask();
    beforeCommit(writer, 'issue', () => revokeNode(other, 'd5'));
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_STATE' });
    const probes = await writer.keystore.query((index) => index.ofName('probe', agentProbeName('d5')));
    expect(probes.length).toBeGreaterThan(0);
    expect(probes.filter(isOpen)).toEqual([]);
  });
});
