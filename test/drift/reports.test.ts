import { describe, expect, test } from '@jest/globals';
import { FINDINGS, type Finding, type FindingCode } from '../../src/drift/codes.ts';
import type { DriftDocument } from '../../src/drift/drift.ts';
import { junitReport } from '../../src/drift/junit.ts';
import { renderDrift } from '../../src/drift/render.ts';
import { sarifReport } from '../../src/drift/sarif.ts';
import { plainStyle } from '../../src/ui/text/style.ts';
import { expectSafe } from '../cli/checks.ts';

const HOSTILE = 'a <b> & "c" \u001b[31m \u202e ]]> \u0000 é';
const finding = (code: FindingCode, service: string, message = HOSTILE): Finding => ({
  node: 'n1',
  plane: 'data',
  service,
  code,
  severity: FINDINGS[code].severity,
  message,
  hint: FINDINGS[code].hint,
  where: 'cluster.yaml:7:9',
});
const document: DriftDocument = {
  attention: true,
  findings: [
    finding('stale-process', 'redis 127.0.0.1:1'),
    finding('weak-protocol', 'redis 127.0.0.1:1'),
    finding('not-seen', 'etcd 127.0.0.1:2'),
  ],
  services: ['redis 127.0.0.1:1', 'etcd 127.0.0.1:2', 'files /x'].map((service, i) => ({
    node: i === 2 ? 'n2' : 'n1',
    plane: 'data',
    kind: service.split(' ')[0] as string,
    service,
    ok: i > 0,
  })),
};

/** What XML has of tags, and that each is closed. */
function tagsOf(xml: string): string[] {
  const open: string[] = [];
  const seen: string[] = [];
  for (const [, close, name, attributes, self] of xml.matchAll(
    /<(\/?)([a-z]+)((?: [a-z]+="[^"<&]*(?:&[^"<]*)*")*)(\/?)>/g,
  )) {
    if (close === '/') expect(open.pop()).toBe(name);
    else {
      seen.push(`${name}${attributes}`);
      if (self !== '/') open.push(name as string);
    }
  }
  expect(open).toEqual([]);
  return seen;
}

describe('JUnit', () => {
  const xml = junitReport(document, new Date('2026-06-15T12:00:00Z'));

  test('a suite for each node, counts that agree, failures with their codes', () => {
    const tags = tagsOf(xml.replace(/^<\?xml.*\?>\n/, ''));
    expect(tags.filter((tag) => tag.startsWith('testsuite '))).toEqual([
      expect.stringMatching(/name="n1" tests="4" failures="2" errors="0" skipped="1"/),
      expect.stringMatching(/name="n2" tests="1" failures="0" errors="0" skipped="0"/),
    ]);
    expect(tags.filter((tag) => tag.startsWith('testcase'))).toHaveLength(5);
    expect(tags.filter((tag) => tag.startsWith('failure')).map((tag) => /type="([^"]+)"/.exec(tag)?.[1])).toEqual([
      'stale-process',
      'weak-protocol',
    ]);
    expect(tags.filter((tag) => tag.startsWith('skipped'))).toHaveLength(1);
    expect(tags[0]).toMatch(/^testsuites .*tests="5" failures="2"/);
  });

  test('what a certificate says cannot break out', () => {
    expectSafe(xml);
    expect(xml).toContain('a &lt;b&gt; &amp; &quot;c&quot;');
    expect(xml).not.toMatch(/[^\n\x20-\x7e\u00a0-\u{10ffff}]/u);
  });
});

describe('SARIF', () => {
  const text = sarifReport(document, 'cluster.yaml');
  const log = JSON.parse(text);

  test('version 2.1.0, rules and results that refer to each other', () => {
    expect(log.version).toBe('2.1.0');
    const [run] = log.runs;
    expect(run.tool.driver.name).toBe('cluster-ca');
    for (const { ruleId, ruleIndex, level, message, locations } of run.results) {
      expect(run.tool.driver.rules[ruleIndex].id).toBe(ruleId);
      expect(['error', 'warning', 'note']).toContain(level);
      expect(message.text).not.toBe('');
      const { artifactLocation, region } = locations[0].physicalLocation;
      expect(artifactLocation.uri).toMatch(/^file:\/\/\/.*cluster\.yaml$/);
      expect(region).toEqual({ startLine: 7, startColumn: 9 });
    }
    expect(run.results.map(({ level }: { level: string }) => level)).toEqual(['error', 'warning', 'note']);
  });

  test('safe', () => expectSafe(text));
});

test('the text names each finding, and is safe', () => {
  const text = renderDrift(document, plainStyle);
  expectSafe(text);
  for (const { code } of document.findings) expect(text).toContain(code);
});

test('every code has a meaning and a cure', () => {
  for (const { meaning, hint } of Object.values(FINDINGS))
    for (const text of [meaning, hint]) expect(text).toMatch(/\S/);
});
