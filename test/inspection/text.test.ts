import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { compareDocuments } from '../../src/inspection/compare.ts';
import { inspectBytes } from '../../src/inspection/inspect.ts';
import { renderComparison } from '../../src/inspection/text/compare.ts';
import { renderInspection } from '../../src/inspection/text/render.ts';
import { plainStyle, type Style } from '../../src/ui/text/style.ts';
import { contextAt } from './support/context.ts';
import { makeFiles } from './support/files.ts';

const { directory, openssl } = await makeFiles();
const now = new Date(Date.now() + 3_600_000);
const unicode: Style = { ...plainStyle, unicode: true };

const read = (...names: string[]): Buffer => Buffer.concat(names.map((name) => readFileSync(join(directory, name))));
const inspect = (...names: string[]) => inspectBytes(read(...names), contextAt(now));
const show = (names: string[], style = unicode, at = now): string =>
  renderInspection(inspectBytes(read(...names), contextAt(at)), style, at);

describe('text', () => {
  test('a certificate: title, status, bar, names, each on its line', () => {
    const lines = show(['leaf.pem']).split('\n');
    expect(lines[0]).toBe('certificate of CN=n1');
    expect(lines[1]).toBe('  status        valid, ends in 90 days');
    expect(lines[4]).toMatch(/^ {16}├●─+┤ 0 % of 90 days$/);
    expect(lines).toContain('                IP:10.0.0.1');
    expect(lines.at(-1)).toBe('');
  });

  test('what is wrong comes first, in red and in words', () => {
    const style: Style = { ...unicode, bad: (text) => `<${text}>` };
    const late = new Date(now.getTime() + 100 * 86_400_000);
    const lines = show(['leaf.pem'], style, late).split('\n');
    expect(lines[1]).toBe('  <✗ problem: it has expired>');
    expect(lines[2]).toBe('  status        <expired 10 days ago>');
    expect(show(['leaf.pem'], plainStyle, late)).toContain('\n  x problem: it has expired\n');
  });

  test('a chain is a tree from its root down, the root marked that is not there', () => {
    const text = show(['leaf.pem', 'issuing.pem']);
    expect(text).toMatch(/^chain of 2 certificates\n {2}in order, its root is not in the file\n\n/);
    expect(text).toContain(
      '? CN=orders Root CA G1 (not in the file)\n└─ CN=orders Issuing CA G1.1  issuing CA, number 2\n',
    );
    expect(text).toContain('\n   └─ CN=n1  end-entity, number 1\n');
    expect(text).toContain('\ncertificate of CN=n1\n');
  });

  test('a chain in ASCII', () => {
    expect(show(['leaf.pem', 'issuing.pem'], plainStyle)).toContain('\n   `- CN=n1  end-entity, number 1\n');
  });

  test('a gap and what is superfluous', () => {
    const text = show(['leaf.pem', 'root.pem']);
    expect(text).toContain('  2 problems, shown where they are\n');
    expect(text).toContain('✗ problem: the certificate of its issuer is not in the file');
    expect(text).toContain('\nnot part of the chain:\nCN=orders Root CA G1  root CA, number 2\n');
  });

  test('trust anchors are a table', async () => {
    await openssl('req', '-x509', '-key', 'other.key', '-subj', '/CN=other CA', '-days', '9', '-out', 'anchor.pem');
    const text = show(['root.pem', 'anchor.pem']);
    expect(text).toMatch(/^SUBJECT +ROLE +STATUS +NOT AFTER +KEY/m);
    expect(text).toMatch(/^CN=other CA +root CA +valid /m);
  });

  test('a request, a CRL with its entries, and a key with its owner', () => {
    expect(show(['leaf.csr'])).toContain('signature     valid: its own key signed it');
    const crl = show(['issuing.pem', 'crl.pem']);
    expect(crl).toContain('revoked       1 (1 keyCompromise)');
    expect(crl).toContain('signature     made by the issuer in this file');
    expect(crl).toMatch(/^ {2}5b02aabb\S+ {2}\S+Z {2}keyCompromise$/m);
    expect(show(['leaf.pem', 'leaf.key'])).toContain('belongs to    the certificate of CN=n1');
    expect(show(['leaf.pem', 'other.key'])).toContain('belongs to    nothing in this file');
  });

  test('colour says nothing that words do not: without it the text is the same', () => {
    const paint = (text: string): string => `\u001b[1m${text}\u001b[22m`;
    const coloured: Style = {
      ...unicode,
      bold: paint,
      dim: paint,
      good: paint,
      warn: paint,
      bad: paint,
      accent: paint,
    };
    for (const files of [
      ['leaf.pem'],
      ['root.pem', 'leaf.pem', 'issuing.pem'],
      ['issuing.pem', 'crl.pem'],
      ['leaf.csr'],
    ])
      expect(show(files, coloured).replaceAll('\u001b[1m', '').replaceAll('\u001b[22m', '')).toBe(show(files));
  });
});

describe('inspect A B', () => {
  test('the same file', () => {
    expect(compareDocuments(inspect('leaf.pem'), inspect('leaf.pem', 'issuing.pem'))).toMatchObject({
      kind: 'comparison',
      identical: true,
      sameKey: true,
      differences: [],
    });
  });

  test('a certificate of another issuer and key', async () => {
    await openssl('x509', '-in', 'leaf.pem', '-signkey', 'other.key', '-days', '30', '-out', 'renewed.pem');
    const comparison = compareDocuments(inspect('leaf.pem'), inspect('renewed.pem'));
    expect(comparison).toMatchObject({ identical: false, sameKey: false });
    expect(comparison.differences).toContainEqual({ field: 'issuer', a: 'CN=orders Issuing CA G1.1', b: 'CN=n1' });
    expect(comparison.differences.map(({ field }) => field)).not.toContain('subjectAltNames');
    const text = renderComparison(comparison, { a: 'leaf.pem', b: 'renewed.pem' }, plainStyle);
    expect(text).toMatch(/^different\n {2}- first +leaf\.pem: certificate of CN=n1\n/);
    expect(text).toContain('\nissuer\n  - "CN=orders Issuing CA G1.1"\n  + CN=n1\n');
  });

  test('a certificate and a key', () => {
    const comparison = compareDocuments(inspect('leaf.pem'), inspect('leaf.key'));
    expect(comparison).toMatchObject({ identical: false, sameKey: true, differences: [] });
    expect(renderComparison(comparison, { a: 'a', b: 'b' }, plainStyle)).toContain('the same: they belong together');
    expect(compareDocuments(inspect('leaf.pem'), inspect('other.key'))).toMatchObject({ sameKey: false });
  });

  test('of lists only what one of them lacks, and hostile names as escapes', () => {
    const a = inspect('leaf.pem');
    const b = structuredClone(a);
    if (b.kind === 'certificate') b.subjectAltNames = ['DNS:\u001b[2J', ...b.subjectAltNames.slice(1)];
    const text = renderComparison(compareDocuments(a, b), { a: 'a\n', b: 'b' }, plainStyle);
    expect(text).toContain('\nsubjectAltNames\n  - DNS:n1.orders.internal\n  + DNS:\\u{1b}[2J\n');
    expect(text).toContain('a\\u{a}: certificate');
  });
});
