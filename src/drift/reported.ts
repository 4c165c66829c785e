import type { Report, ReportedService } from '../agent/protocol.ts';
import { FINDINGS, type Finding, type FindingCode } from './codes.ts';

/** What a node is to have, by the log. */
export interface Expected {
  node: string;
  /** SHA-256 of the certificate issued last, by plane. */
  issued: ReadonlyMap<string, string>;
  /** SHA-256 of the anchors of the trust bundle. */
  anchors: readonly string[];
  /** The version of what the daemon wants now. */
  version: string;
}

/** What is not as it should be with the services of a node, by what its agent says. Pure. */
export function reportedFindings(report: Report, expected: Expected): Finding[] {
  return report.services.flatMap((service) => [
    ...certificateFindings(service, expected),
    // What the agent has not heard of yet is no drift.
    ...(report.version === expected.version ? trustFindings(service, expected) : []),
  ]);
}

function certificateFindings(service: ReportedService, { node, issued }: Expected): Finding[] {
  const { plane, served, onDisk, dir, address } = service;
  const last = issued.get(plane);
  const short = (fingerprint: string): string => `${fingerprint.slice(0, 16)}…`;
  if (last === undefined)
    return [finding(node, service, 'not-issued', `no certificate was issued to ${node}/${plane}`)];
  if (onDisk === undefined) return [finding(node, service, 'disk-missing', `there is no certificate in ${dir}`)];
  if (served !== undefined && served !== onDisk) {
    const message = `${address ?? dir} serves ${short(served)}, its files have ${short(onDisk)}`;
    return [finding(node, service, 'stale-process', message)];
  }
  if (onDisk === last) return [];
  return [finding(node, service, 'disk-differs', `in ${dir} is ${short(onDisk)}, issued last was ${short(last)}`)];
}

function trustFindings(service: ReportedService, { node, anchors }: Expected): Finding[] {
  const { trusts, dir } = service;
  const findings: Finding[] = [];
  if (anchors.some((anchor) => !trusts.includes(anchor)))
    findings.push(finding(node, service, 'bundle-lacks-root', `${dir}/ca.pem lacks a root of this cluster`));
  if (trusts.some((anchor) => !anchors.includes(anchor)))
    findings.push(finding(node, service, 'bundle-foreign-ca', `${dir}/ca.pem has a CA that is not wanted there`));
  return findings;
}

function finding(
  node: string,
  { kind, address, dir, plane }: ReportedService,
  code: FindingCode,
  message: string,
): Finding {
  const { severity, hint } = FINDINGS[code];
  return {
    node,
    service: `${kind} ${address ?? dir}`,
    plane,
    code,
    severity,
    message,
    hint,
    where: `agent of ${node}`,
  };
}
