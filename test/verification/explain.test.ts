import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { encodePem } from '../../src/pki/pem.ts';
import { plainStyle } from '../../src/ui/text/style.ts';
import { REJECTIONS } from '../../src/verification/candidates.ts';
import type { VerifyDocument } from '../../src/verification/document.ts';
import { renderVerify } from '../../src/verification/render.ts';
import { verifyFiles } from '../../src/verification/verify-files.ts';
import { expectSafe } from '../cli/checks.ts';
import { type Entity, makeCa, makeLeaf, makeRoot, NOW } from '../support/make-pki.ts';

const root = makeRoot('CN=Root');
const ca = makeCa('CN=CA', root);
const leaf = makeLeaf('CN=leaf', ca);
const verify = createVerifySignature();
const file = (name: string, ...entities: (Entity | Uint8Array)[]) => ({
  name,
  bytes: new TextEncoder().encode(
    entities.map((one) => encodePem('CERTIFICATE', one instanceof Uint8Array ? one : one.der)).join(''),
  ),
});

function explain(chain: Entity[], untrusted: (Entity | Uint8Array)[] = [], options = {}): VerifyDocument {
  return verifyFiles({
    subject: file('chain.pem', ...chain),
    trust: [file('trust.pem', root)],
    untrusted: untrusted.length === 0 ? [] : [file('more.pem', ...untrusted)],
    explain: true,
    options,
    now: NOW,
    verify,
    sha256,
  });
}

const whyOf = ({ candidates }: VerifyDocument): string[] =>
  (candidates ?? []).map(({ subject, why }) => `${subject} ${why}`);

describe('why a candidate is not on the path', () => {
  test('it is not needed: another path was found, or it issued nothing', () => {
    const again = makeCa('CN=CA', root, { key: ca.key });
    expect(whyOf(explain([leaf, ca], [again, makeRoot('CN=Other')]))).toEqual(['CN=CA spare', 'CN=Other unrelated']);
  });

  test('another key of the same name', () => {
    expect(whyOf(explain([leaf, ca], [makeCa('CN=CA', root)]))).toEqual(['CN=CA another-key']);
  });

  test('it breaks a rule by itself', () => {
    const old = makeCa('CN=CA', root, { key: ca.key, notAfter: new Date('2026-02-01Z') });
    const document = explain([leaf, ca], [old]);
    expect(whyOf(document)).toEqual(['CN=CA refused']);
    expect(document.candidates?.[0]?.failures.map(({ code }) => code)).toEqual(['expired']);
  });

  test('it cannot be decoded, which is said without --explain too', () => {
    const broken = ca.der.with(ca.der.indexOf(0xa0) + 4, 9);
    const document = explain([leaf, ca], [broken]);
    expect(whyOf(document)).toEqual(['CN=CA malformed']);
    expect(document.notes[0]).toMatch(/^a candidate was left out: CN=CA: more\.pem/);
  });

  test('a path over it was tried, and failed', () => {
    const other = makeRoot('CN=Nobody');
    const cross = makeCa('CN=CA', other, { key: ca.key });
    expect(whyOf(explain([leaf], [cross]))).toEqual(['CN=Root unrelated']);
    const narrow = explain([leaf, ca], [cross], { names: ['wrong.example'] });
    expect(narrow.attempts?.length).toBeGreaterThan(1);
    expect(whyOf(narrow)).toEqual(['CN=CA tried']);
  });

  test('every reason has its words', () => {
    for (const words of Object.values(REJECTIONS)) expect(words).toMatch(/\S/);
  });
});

describe('as text', () => {
  const text = (document: VerifyDocument): string => renderVerify(document, plainStyle);

  test('each certificate with each rule, its section and whether it passed', () => {
    const lines = text(explain([leaf, ca], [], { names: ['leaf.example', 'wrong.example'] }));
    expect(lines).toMatch(/^invalid\n/);
    expect(lines).toMatch(/\nCN=Root {2}trust anchor\n/);
    expect(lines).toMatch(/\+ signature +passed +RFC 5280 section 6\.1\.3\(a\)\(1\)/);
    expect(lines).toMatch(/x subject name +failed: name-mismatch +RFC 9525 section 6/);
    expect(lines).toMatch(/hint: connect by a name/);
    for (const line of lines.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('the most telling failure comes first', () => {
    const old = makeLeaf('CN=old', ca, [], { notAfter: new Date('2026-02-01Z') });
    const document = explain([old, ca], [], { names: ['wrong.example'] });
    expect(document.failures.map(({ code }) => code)).toEqual(['expired', 'name-mismatch']);
    expect(text(document).indexOf('expired')).toBeLessThan(text(document).indexOf('name-mismatch'));
  });

  test('without --explain none of it', () => {
    const { candidates: _, attempts: __, ...plain } = explain([leaf, ca], [makeRoot('CN=Other')]);
    expect(text(plain)).not.toMatch(/rules|candidate|CN=Other/);
  });

  test('hostile names are escapes, deep paths fit', () => {
    const evil = makeLeaf('CN=\u001b]52:c:x\u0007\u202e\u009b', ca);
    expectSafe(text(explain([evil, ca], [makeRoot('CN=\u001b[2J')])));
    let issuer: Entity = root;
    const chain: Entity[] = [];
    for (let i = 0; i < 40; i++) {
      issuer = makeCa(`CN=Level ${i}`, issuer);
      chain.unshift(issuer);
    }
    const deep = text(explain([makeLeaf('CN=deep', issuer), ...chain], [], { maxDepth: 100 }));
    expect(deep).toContain('CN=Level 39');
    expect(Math.max(...deep.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
  });
});
