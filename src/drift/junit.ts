import type { Finding } from './codes.ts';
import type { DriftDocument } from './drift.ts';

/** JUnit XML: a suite for each node, a case for each service; a case fails for each of its findings. */
export function junitReport({ services, findings }: DriftDocument, now: Date): string {
  const nodes = [...new Set(services.map(({ node }) => node))];
  const suites = nodes.map((node) => {
    const own = services.filter((service) => service.node === node);
    const cases = own.flatMap(({ service, plane }) => {
      const found = findings.filter((one) => one.node === node && one.service === service && one.plane === plane);
      return casesOf(`${node}${plane === undefined ? '' : `.${plane}`}`, service, found);
    });
    const failures = cases.filter(({ state }) => state === 'failed').length;
    const skipped = cases.filter(({ state }) => state === 'skipped').length;
    const head = `name="${xmlText(node)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
    return {
      xml: `  <testsuite ${head} timestamp="${now.toISOString().slice(0, 19)}">\n${cases.map(({ xml }) => xml).join('')}  </testsuite>\n`,
      tests: cases.length,
      failures,
    };
  });
  const total = (field: 'tests' | 'failures'): number => suites.reduce((sum, suite) => sum + suite[field], 0);
  const head = `name="cluster-ca verify --inventory" tests="${total('tests')}" failures="${total('failures')}" errors="0"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${head}>\n${suites.map(({ xml }) => xml).join('')}</testsuites>\n`;
}

interface Case {
  state: 'passed' | 'failed' | 'skipped';
  xml: string;
}

/** One case for each finding; a service without any that count is one that passed. */
function casesOf(classname: string, service: string, findings: readonly Finding[]): Case[] {
  const open = (name: string): string => `    <testcase classname="${xmlText(classname)}" name="${xmlText(name)}"`;
  const cases = findings.map(({ code, severity, message, hint }): Case => {
    const name = open(`${service}: ${code}`);
    if (severity === 'info')
      return { state: 'skipped', xml: `${name}>\n      <skipped message="${xmlText(message)}"/>\n    </testcase>\n` };
    const failure = `<failure type="${code}" message="${xmlText(message)}">${xmlText(`${severity}: ${message}\nhint: ${hint}`)}</failure>`;
    return { state: 'failed', xml: `${name}>\n      ${failure}\n    </testcase>\n` };
  });
  if (cases.some(({ state }) => state === 'failed')) return cases;
  return [{ state: 'passed', xml: `${open(service)}/>\n` }, ...cases];
}

/** Text for XML 1.0, without the characters that it cannot hold and those that a terminal obeys. */
function xmlText(text: string): string {
  return text
    .replace(/[^\n\x20-\x7e]/gu, (character) =>
      /[\p{C}\p{Zl}\p{Zp}]/u.test(character) ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}` : character,
    )
    .replace(/[&<>"\n]/g, (character) => ENTITIES[character] as string);
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' };
