import { describe, expect, test } from '@jest/globals';
import { standingOf } from '../../src/rollover/planning/proof.ts';
import { judge } from '../../src/rollover/planning/situation.ts';
import { NOW, proof, SINCE, situation, subject } from './planning.ts';

const freshness = { now: NOW, since: SINCE };
const accept = subject('n1', 'accept');
const connect = subject('n1', 'connect', { atLeast: 'file' });

describe('what holds of a service', () => {
  test('what was seen before this advance began is no proof in it, and is shown by status', () => {
    const old = proof(accept, ['old', 'new'], 'old', { at: SINCE - 1 });
    expect(standingOf(accept, [old], freshness)).toEqual({ subject: accept });
    expect(standingOf(accept, [old], { now: NOW, since: 0 })).toMatchObject({ trustsNew: true, provenAt: SINCE - 1 });
  });

  test('what is dated in the future is not believed', () => {
    const ahead = proof(accept, ['new'], 'old', { at: NOW + 3_600_000 });
    expect(standingOf(accept, [ahead], freshness)).toEqual({ subject: accept });
  });

  test('what can be spoken to is not believed on its files, or on an operator’s word', () => {
    for (const provenBy of ['file', 'agent', 'declared'] as const)
      expect(standingOf(accept, [proof(accept, ['new'], 'new', { provenBy })], freshness)).toEqual({ subject: accept });
    const file = proof(connect, ['new'], undefined, { provenBy: 'file' });
    expect(standingOf(connect, [file], freshness)).toMatchObject({ trustsNew: true, provenBy: 'file' });
  });

  test('the strongest proof counts for each fact, among equals the latest; the weakest used is named', () => {
    const file = proof(connect, ['new'], 'new', { provenBy: 'file', at: NOW });
    const { trustsOld: _, serves: __, ...shake } = proof(connect, ['old', 'new'], 'old', { at: NOW - 5000 });
    expect(standingOf(connect, [file, shake], freshness)).toMatchObject({
      trustsOld: false,
      trustsNew: true,
      serves: 'new',
      provenBy: 'file',
      provenAt: NOW - 5000,
    });
    const [first, second] = [proof(accept, ['old'], 'old', { at: NOW - 9 }), proof(accept, ['new'], 'new')];
    expect(standingOf(accept, [second, first], freshness)).toMatchObject({ trustsOld: true, serves: 'old' });
  });

  test('what an agent said before is no proof either', () => {
    const said = (at: number) => proof(connect, ['new'], undefined, { provenBy: 'agent', at });
    expect(standingOf(connect, [said(SINCE)], freshness)).toMatchObject({ trustsNew: true, provenBy: 'agent' });
    expect(standingOf(connect, [said(SINCE - 1)], freshness)).toEqual({ subject: connect });
  });

  test('the last error is kept beside what is known', () => {
    const { kind, name, plane, service, role } = accept;
    const silent = { kind, name, plane, service, role, at: NOW, error: 'connection refused' };
    expect(standingOf(accept, [silent], freshness)).toEqual({ subject: accept, error: 'connection refused' });
  });
});

describe("an operator's word", () => {
  const client = subject('app', 'connect', { kind: 'client', plane: '', service: '', atLeast: 'declared' });
  const word = { kind: 'client', name: 'app', trustsOld: true, trustsNew: true, serves: 'new' } as const;
  const standing = (at: number, more = {}) =>
    judge(situation('issue-new', { subjects: [client] }, { confirmed: [{ ...word, at }], ...more })).standings[0];

  test('stands for who cannot be asked, whenever it was given', () => {
    expect(standing(NOW - 500_000)).toMatchObject({ trustsNew: true, serves: 'new', provenBy: 'declared' });
  });

  test('says nothing any more once something else is wanted', () => {
    const found = standing(NOW - 500_000, { issuerSince: NOW - 400_000 });
    expect(found).toMatchObject({ trustsNew: true });
    expect(found).not.toHaveProperty('serves');
    expect(standing(NOW - 500_000, { trustSince: NOW - 400_000 })).not.toHaveProperty('trustsNew');
  });

  test('is no word for what can be asked', () => {
    const asked = subject('app', 'connect', { kind: 'client', plane: '', atLeast: 'file' });
    const parts = { subjects: [asked] };
    expect(judge(situation('issue-new', parts, { confirmed: [{ ...word, at: NOW }] })).standings).toEqual([
      { subject: asked },
    ]);
  });
});
