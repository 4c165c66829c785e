import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { safeJson } from '../ui/text/safe.ts';
import { VERSION } from '../version.ts';
import { FINDINGS, type Finding, type FindingCode, type Severity } from './codes.ts';
import type { DriftDocument } from './drift.ts';

const LEVELS: Record<Severity, 'error' | 'warning' | 'note'> = { critical: 'error', warning: 'warning', info: 'note' };

/** SARIF 2.1.0: a result for each finding, at the service's place in the inventory. */
export function sarifReport({ findings }: DriftDocument, inventory: string): string {
  const codes = [...new Set(findings.map(({ code }) => code))];
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'cluster-ca', version: VERSION, rules: codes.map(rule) } },
        results: findings.map((finding) => result(finding, codes, inventory)),
      },
    ],
  };
  return `${safeJson(log)}\n`;
}

function rule(code: FindingCode): object {
  const { meaning, hint, severity } = FINDINGS[code];
  return {
    id: code,
    shortDescription: { text: meaning },
    help: { text: hint },
    defaultConfiguration: { level: LEVELS[severity] },
  };
}

function result(finding: Finding, codes: readonly FindingCode[], inventory: string): object {
  const { code, severity, message, hint, node, service, where } = finding;
  const [, line, column] = /:(\d+):(\d+)$/.exec(where) ?? [];
  const name = `${node}/${service}`;
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: LEVELS[severity],
    message: { text: `${node}, ${service}: ${message}. ${hint}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: pathToFileURL(resolve(inventory)).href },
          region: { startLine: Number(line ?? 1), startColumn: Number(column ?? 1) },
        },
        logicalLocations: [{ fullyQualifiedName: name, kind: 'resource' }],
      },
    ],
    partialFingerprints: { serviceAndCode: `${name}/${code}` },
  };
}
