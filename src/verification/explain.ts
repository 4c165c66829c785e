import type { RuleCheck } from '../pki/path/index.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { descent, isTooDeep, TREE_INDENT, tree } from '../ui/text/tree.ts';
import { pad, truncate } from '../ui/text/width.ts';
import { REJECTIONS, type RejectedCandidate } from './candidates.ts';
import type { CertificateReference, ExplainedAttempt, VerifyDocument } from './document.ts';

const CHECK_NAME = 19;
/** Other paths that are shown; --json has them all. */
const MOST_PATHS = 8;
const MOST_CANDIDATES = 30;

/** Each certificate of the path with every rule it was held against; then the other paths, and what was not used. */
export function explainLines(document: Pick<VerifyDocument, 'attempts' | 'candidates'>, style: Style): string[] {
  const [shown, ...others] = document.attempts ?? [];
  return [
    ...(shown === undefined
      ? []
      : ['', style.bold('the rules, certificate by certificate'), ...checkTree(shown, style)]),
    ...otherPaths(others, style),
    ...candidateLines(document.candidates ?? [], style),
  ];
}

function checkTree(attempt: ExplainedAttempt, style: Style): string[] {
  const flat = isTooDeep(attempt.path.length, style);
  const levels = attempt.path.toReversed().map((certificate, depth) => {
    const width = style.width - (flat ? 0 : depth * TREE_INDENT);
    const role = depth === 0 && attempt.anchored ? '  trust anchor' : '';
    const name = truncate(subjectOf(certificate, style), width - role.length, style);
    return [
      `${style.accent(name)}${style.dim(role)}`,
      ...checksOf(attempt, certificate).map((check) => checkLine(check, { ...style, width })),
    ];
  });
  return flat ? levels.flat() : tree(descent(levels), style);
}

/** One line a rule, however often it was checked of this certificate. */
function checksOf({ checks }: ExplainedAttempt, { fingerprint }: CertificateReference): RuleCheck[] {
  const own = new Map<string, RuleCheck>();
  for (const check of checks) {
    if (check.fingerprint !== fingerprint) continue;
    const known = own.get(check.check);
    if (known === undefined || (known.passed && !check.passed)) own.set(check.check, check);
  }
  return [...own.values()];
}

function checkLine({ check, rule, passed, codes }: RuleCheck, style: Style): string {
  const mark = passed ? (style.unicode ? '✓' : '+') : style.unicode ? '✗' : 'x';
  const verdict = passed ? 'passed' : `failed: ${[...new Set(codes)].join(', ')}`;
  const line = `${mark} ${pad(check, CHECK_NAME)} ${passed ? 'passed' : verdict}  ${safeText(rule, style)}`;
  return passed ? style.dim(truncate(line, style.width, style)) : style.bad(truncate(line, style.width, style));
}

function otherPaths(attempts: readonly ExplainedAttempt[], style: Style): string[] {
  if (attempts.length === 0) return [];
  const lines = attempts.slice(0, MOST_PATHS).flatMap(({ path, failures, anchored }) => {
    const names = path.map((certificate) => subjectOf(certificate, style)).join(' < ');
    const codes = [...new Set(failures.map(({ code }) => code))].join(', ');
    return [
      ...paragraph(names, style, 2),
      style.dim(`    ${anchored ? '' : 'no anchor; '}${codes === '' ? 'valid' : `failed: ${codes}`}`),
    ];
  });
  const more = attempts.length - MOST_PATHS;
  return [
    '',
    style.bold('other paths that were tried'),
    ...lines,
    ...(more > 0 ? [style.dim(`  and ${more} more: --json has them`)] : []),
  ];
}

function candidateLines(candidates: readonly RejectedCandidate[], style: Style): string[] {
  if (candidates.length === 0) return [];
  const lines = candidates.slice(0, MOST_CANDIDATES).flatMap((candidate) => {
    const { role, origin, why, failures } = candidate;
    const from = origin === undefined ? '' : `, from ${origin}`;
    const [failure] = failures;
    const reason = failure === undefined ? REJECTIONS[why] : `${failure.code}: ${failure.message} (${failure.rule})`;
    return [
      `  ${truncate(subjectOf(candidate, style), style.width - 2, style)}`,
      ...paragraph(`${ROLES[role]}${from}: ${why}: ${reason}`, style, 4, style.dim),
    ];
  });
  const more = candidates.length - MOST_CANDIDATES;
  return [
    '',
    style.bold('given, but not on the path'),
    ...lines,
    ...(more > 0 ? [style.dim(`  and ${more} more: --json has them`)] : []),
  ];
}

const ROLES = {
  subject: 'the certificate itself',
  untrusted: 'candidate',
  anchor: 'trust anchor',
  crl: 'CRL',
} as const;

function subjectOf({ subject, fingerprint }: CertificateReference, style: Style): string {
  return safeText(subject === '' ? `(no name) ${fingerprint.slice(0, 16)}` : subject, style);
}
