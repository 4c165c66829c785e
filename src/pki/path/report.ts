import type { FailureSubject, PathFailure } from './failure.ts';
import type { FailureCode } from './failure-codes.ts';

/** The rules that a path is held against, each with its place in the RFCs, in the order in which they are explained. */
export const CHECKS = {
  decoding: 'RFC 5280 §4.1',
  'critical extensions': 'RFC 5280 §4.2',
  'issuer found': 'RFC 5280 §6.1.3(a)(4)',
  signature: 'RFC 5280 §6.1.3(a)(1)',
  algorithm: 'RFC 5280 §4.1.1.2',
  'public key': 'RFC 5280 §4.1.2.7',
  validity: 'RFC 5280 §6.1.3(a)(2)',
  revocation: 'RFC 5280 §6.3.3',
  'name constraints': 'RFC 5280 §6.1.3(b), (c)',
  policies: 'RFC 9618 §5',
  'basic constraints': 'RFC 5280 §6.1.4(k)',
  'path length': 'RFC 5280 §6.1.4(l)',
  'key usage': 'RFC 5280 §6.1.4(n)',
  purpose: 'RFC 5280 §4.2.1.12',
  'subject name': 'RFC 9525 §6',
  depth: 'RFC 4158 §5.2',
  budget: 'RFC 4158 §5.2',
  'issuer profile': 'RFC 5280 §4',
} as const;

export type CheckName = keyof typeof CHECKS;

/** One rule, held against one certificate. */
export interface RuleCheck {
  check: CheckName;
  rule: string;
  subject: string;
  fingerprint: string;
  passed: boolean;
  /** The codes of its failures, when there are some. */
  codes?: FailureCode[];
}

interface Entry {
  check: CheckName;
  about: FailureSubject;
  failures: readonly PathFailure[];
}

/** What was checked along a path, and what failed. The texts are only made when they are asked for. */
export class Report {
  readonly failures: PathFailure[] = [];
  readonly #entries: Entry[] = [];

  /** Notes that a rule was checked: passed when there are no failures. */
  add(check: CheckName, about: FailureSubject, failures: readonly PathFailure[] = []): void {
    this.#entries.push({ check, about, failures });
    this.failures.push(...failures);
  }

  append(other: Report): void {
    for (const { check, about, failures } of other.#entries) this.add(check, about, failures);
  }

  get checks(): RuleCheck[] {
    return this.#entries.map(({ check, about, failures }) => ({
      check,
      rule: failures[0]?.rule ?? CHECKS[check],
      subject: about.subjectText,
      fingerprint: about.fingerprint,
      passed: failures.length === 0,
      ...(failures.length === 0 ? {} : { codes: failures.map(({ code }) => code) }),
    }));
  }
}
