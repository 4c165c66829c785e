import type { ProfileName } from '../profile/profile.ts';
import type { Sha256 } from '../signature.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';

/** What a certificate is linted against, besides itself. */
export interface CertificateLintContext {
  profile: ProfileName;
  /** The issuing certificate; the certificate itself for a root. */
  issuer: Certificate;
  sha256: Sha256;
}

export interface CrlLintContext {
  issuer: Certificate;
}

/** One rule: what is wrong in words, or undefined. A decoder's error counts as a finding of the rule that met it. */
export interface LintRule<Subject, Context> {
  /** Stable, lower case with dashes. */
  name: string;
  /** Where it is written, as "RFC 5280 §4.1.2.2". */
  source: string;
  check(subject: Subject, context: Context): string | undefined;
}

export type CertificateRule = LintRule<Certificate, CertificateLintContext>;
export type CrlRule = LintRule<Crl, CrlLintContext>;

export interface LintFinding {
  rule: string;
  source: string;
  message: string;
}

/** Applies every rule; the findings in the rules' order. */
export function lint<Subject, Context>(
  rules: readonly LintRule<Subject, Context>[],
  subject: Subject,
  context: Context,
): LintFinding[] {
  const findings: LintFinding[] = [];
  for (const rule of rules) {
    const message = outcome(rule, subject, context);
    if (message !== undefined) findings.push({ rule: rule.name, source: rule.source, message });
  }
  return findings;
}

function outcome<Subject, Context>(
  rule: LintRule<Subject, Context>,
  subject: Subject,
  context: Context,
): string | undefined {
  try {
    return rule.check(subject, context);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
