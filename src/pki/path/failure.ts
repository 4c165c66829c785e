import { FAILURES, type FailureCode } from './failure-codes.ts';

/** What a failure is about: a certificate or a CRL. */
export interface FailureSubject {
  /** RFC 4514 string of the subject (of a CRL: its issuer); not made safe for a terminal. */
  readonly subjectText: string;
  /** SHA-256 of the DER, lower hex. */
  readonly fingerprint: string;
}

/** One broken rule, as `verify --json` prints it. */
export interface PathFailure {
  code: FailureCode;
  rule: string;
  subject: string;
  fingerprint: string;
  message: string;
  hint: string;
}

/** A failure with the rule and the hint of its code. */
export function pathFailure(
  code: FailureCode,
  about: FailureSubject,
  message: string,
  hint: string = FAILURES[code].hint,
): PathFailure {
  const { rule } = FAILURES[code];
  return { code, rule, subject: about.subjectText, fingerprint: about.fingerprint, message, hint };
}
