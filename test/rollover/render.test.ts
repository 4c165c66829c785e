import { describe, expect, test } from '@jest/globals';
import type { Phase } from '../../src/rollover/phase.ts';
import { board } from '../../src/rollover/planning/board.ts';
import type { RolloverFacts, Situation } from '../../src/rollover/planning/situation.ts';
import { renderBoard } from '../../src/rollover/render/board.ts';
import { plainStyle, type Style } from '../../src/ui/text/style.ts';
import { textWidth } from '../../src/ui/text/width.ts';
import { certificate, NOW, situation, subject, three } from './planning.ts';

const roots = {
  old: {
    id: 'root-g1',
    subject: 'CN=orders Root CA G1',
    fingerprint: 'aa'.repeat(32),
    notAfter: '2035-01-01T00:00:00Z',
  },
  new: {
    id: 'root-g2',
    subject: 'CN=orders Root CA G2',
    fingerprint: 'bb'.repeat(32),
    notAfter: '2036-05-30T00:00:00Z',
  },
};
const draw = (
  phase: Phase,
  parts: Partial<Situation>,
  style: Partial<Style> = {},
  more: Partial<RolloverFacts> = {},
): string =>
  renderBoard(
    board(situation(phase, { since: 0, ...parts }, more), roots),
    { ...plainStyle, width: 110, ...style },
    NOW,
  );

/** n3 is down, and a client nobody has spoken for. */
function troubled(): Partial<Situation> {
  const parts = three(['old', 'new'], 'old');
  const app = subject('app', 'connect', { kind: 'client', plane: '', service: '', atLeast: 'declared' });
  return {
    subjects: [...parts.subjects, app],
    certificates: [...parts.certificates, certificate('app', 'old', { kind: 'client', plane: '' })],
    proofs: parts.proofs.map((one) =>
      one.name === 'n3'
        ? {
            kind: one.kind,
            name: one.name,
            plane: one.plane,
            service: one.service,
            role: one.role,
            at: NOW,
            error: 'connection refused: nothing listens there',
          }
        : one.name === 'n2' && one.role === 'accept'
          ? { ...one, trustsNew: false }
          : one,
    ),
  };
}

describe('the board of a rollover', () => {
  test('a phase that is blocked', () => {
    expect(draw('distribute', troubled())).toMatchInlineSnapshot(`
"stable = prepared = [distribute] - issue-new - retire - done

old root  CN=orders Root CA G1, until 2035-01-01, aaaaaaaaaaaaaaaa
new root  CN=orders Root CA G2, until 2036-05-30, bbbbbbbbbbbbbbbb
wanted    old and new trusted, certificates of the old root
since     2026-06-01T11:50:00Z (10 minutes ago)
proofs    the oldest from 1 second ago

NODE        PLANE  SERVICE        ROLE     TRUSTS    SHOWS  KNOWN BY
n1          data   redis n1:6379  both     old, new  old    handshake, 1 second ago
n2          data   redis n2:6379  accept   old       old    handshake, 1 second ago
n2          data   redis n2:6379  connect  old, new  old    handshake, 1 second ago
n3          data   redis n3:6379  both     ?         ?      no answer
client app  -      -              connect  ?         ?      nothing yet

3 block the next step: n2, n3, app
  x n2, redis n2:6379 (accept) does not trust the new root (G2)
    hint: cluster-ca rollover advance deploys it again; cluster-ca verify --inventory FILE shows why it did
    not take it; where it is revoked, or gone for good: cluster-ca rollover advance --exclude n2
  x n3, redis n3:6379 (accept and connect) is not proven to trust the new root: connection refused: nothing
    listens there (G2)
    hint: mend it and run the same command again; where it is gone for good: cluster-ca rollover advance
    --exclude n3
  x client app is not proven to trust the new root (G2)
    hint: give it its trust bundle (cluster-ca export --format bundle --out ca.pem), then: cluster-ca rollover
    confirm app

next: deploy the trust bundle to n2, n3"
`);
  });

  test('one that checks nobody', () => {
    const parts = three(['new'], 'new');
    const proofs = parts.proofs.map(({ trustsOld, trustsNew, ...one }) =>
      one.name === 'n2' && one.role === 'accept' ? { ...one, checksNone: true } : { ...one, trustsOld, trustsNew },
    );
    const text = draw('retire', { ...parts, proofs });
    expect(text).toMatch(/^n2 {4}data {3}redis n2:6379 {2}accept {3}anybody {2}new {4}handshake/m);
    expect(text).toMatch(/^n2 {4}data {3}redis n2:6379 {2}connect {2}new {6}new/m);
    expect(text).toContain(
      'n2, redis n2:6379 checks no client certificate: in the role accept there is no trust to prove',
    );
    expect(text).toContain('nobody blocks the next step');
  });

  test('one that may go on', () => {
    expect(draw('retire', three(['new'], 'new'))).toMatchInlineSnapshot(`
"stable = prepared = distribute = issue-new = [retire] - done

old root  CN=orders Root CA G1, until 2035-01-01, aaaaaaaaaaaaaaaa
new root  CN=orders Root CA G2, until 2036-05-30, bbbbbbbbbbbbbbbb
wanted    new trusted, certificates of the new root
since     2026-06-01T11:50:00Z (10 minutes ago)
proofs    the oldest from 1 second ago

NODE  PLANE  SERVICE        ROLE  TRUSTS  SHOWS  KNOWN BY
n1    data   redis n1:6379  both  new     new    handshake, 1 second ago
n2    data   redis n2:6379  both  new     new    handshake, 1 second ago
n3    data   redis n3:6379  both  new     new    handshake, 1 second ago

nobody blocks the next step

next: go to done: the key of the old root is destroyed"
`);
  });

  test('on its way back from distribute, where nobody else had issued yet', () => {
    const [track] = draw('rollback', three(['old', 'new'], 'old'), {}, { issuerSince: NOW - 700_000 }).split('\n');
    expect(track).toBe('distribute = [rollback] - stable');
  });

  test('on its way back, with one left out', () => {
    const excluded = [{ kind: 'node', name: 'n3' }] as const;
    expect(draw('rollback', three(['old', 'new'], 'new'), { unicode: true }, { excluded })).toMatchInlineSnapshot(`
"issue-new ━ [rollback] ─ stable

old root  CN=orders Root CA G1, until 2035-01-01, aaaaaaaaaaaaaaaa
new root  CN=orders Root CA G2, until 2036-05-30, bbbbbbbbbbbbbbbb
wanted    old and new trusted, certificates of the old root
since     2026-06-01T11:50:00Z (10 minutes ago)
proofs    the oldest from 1 second ago
left out  n3

NODE  PLANE  SERVICE        ROLE  TRUSTS    SHOWS  KNOWN BY
n1    data   redis n1:6379  both  old, new  new    handshake, 1 second ago
n2    data   redis n2:6379  both  old, new  new    handshake, 1 second ago

2 block the next step: n1, n2
  ✘ the certificate 4020000000000000… of n1/data, issued under the new root, has no successor under the old
    root (G5)
    hint: cluster-ca rollover advance issues and deploys what is missing; give it its new certificate, then:
    cluster-ca rollover confirm n1; or, where it is not in use any more: cluster-ca revoke n1
  ✘ the certificate 4020000000000000… of n2/data, issued under the new root, has no successor under the old
    root (G5)
    hint: cluster-ca rollover advance issues and deploys what is missing; give it its new certificate, then:
    cluster-ca rollover confirm n2; or, where it is not in use any more: cluster-ca revoke n2

next: issue certificates under the old root, and deploy them, to n1, n2"
`);
  });

  test('it fits the terminal, down to 60 columns', () => {
    for (const width of [110, 80, 60])
      for (const line of draw('distribute', troubled(), { width }).split('\n').slice(1))
        expect([width, line, textWidth(line) <= width]).toEqual([width, line, true]);
  });

  test('colour has a meaning, and the words are the same without it', () => {
    const tag = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
    const coloured = { good: tag('good'), warn: tag('warn'), bad: tag('bad') };
    const text = draw('distribute', troubled(), { ...coloured, width: Number.POSITIVE_INFINITY });
    expect(text).toMatch(/<good>old, new<\/good>/);
    expect(text).toMatch(/<bad>old {5}<\/bad>/);
    expect(text.replace(/<\/?\w+>/g, '')).toBe(draw('distribute', troubled(), { width: Number.POSITIVE_INFINITY }));
  });

  test('no control character of a service reaches the terminal', () => {
    const parts = troubled();
    const proofs = parts.proofs?.map((one) =>
      one.error === undefined ? one : { ...one, error: 'gone \u001b[2J\u202e' },
    );
    expect(draw('distribute', { ...parts, proofs: proofs ?? [] })).not.toMatch(/\p{Cc}(?<!\n)|\p{Cf}/u);
  });
});
