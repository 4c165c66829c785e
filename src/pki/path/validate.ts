import { checkCertificate } from './certificate-checks.ts';
import type { PathContext } from './context.ts';
import { oidName } from './decoded-extensions.ts';
import { type PathFailure, pathFailure } from './failure.ts';
import { keyIdentifierFailures } from './key-identifiers.ts';
import { findViolations } from './name-constraints/constraints.ts';
import type { PathCertificate } from './path-certificate.ts';
import { matchesPeerName } from './peer-name.ts';
import { ANY_POLICY, PolicyState } from './policies.ts';
import type { Position } from './position.ts';
import { allowsPurpose, missingKeyUsage, purposeOid } from './purpose.ts';
import { type CheckName, Report } from './report.ts';

/** Tells whether a certificate on a path is revoked; no failures when it is certainly not. */
export interface RevocationCheck {
  check(certificate: PathCertificate, issuer: PathCertificate, path: ValidatedPath): PathFailure[];
}

/** Certificates from the target up to the one that the anchor issued, and the anchor. */
export interface ValidatedPath {
  chain: readonly PathCertificate[];
  anchor: PathCertificate;
}

/**
 * Basic path validation (RFC 5280 §6.1 with the policies of RFC 9618), extended by the anchor's own constraints
 * (RFC 5937), the purposes and names asked for, and revocation. It goes on after a failure: the report holds every
 * rule and every failure.
 * @throws BudgetExceeded
 */
export function validatePath(context: PathContext, path: ValidatedPath, revocation?: RevocationCheck): Report {
  const { chain, anchor } = path;
  const report = new Report();
  const target = chain[0] ?? anchor;
  const topDown = chain.toReversed();
  report.append(checkCertificate(context, anchor, chain.length === 0 ? 'target' : 'anchor'));
  walk(context, topDown, anchor, report);
  checkPurposes(context, chain.length === 0 ? [anchor] : [...chain, anchor], report);
  checkNames(context, target, report);
  checkDepth(context, chain, report);
  if (revocation !== undefined)
    for (const [i, certificate] of topDown.entries())
      report.add('revocation', certificate, revocation.check(certificate, topDown[i - 1] ?? anchor, path));
  return report;
}

/** The part of a path that leads nowhere: what can be said of its certificates all the same. */
export function validateFragment(context: PathContext, chain: readonly PathCertificate[]): Report {
  const report = new Report();
  for (const [i, certificate] of chain.entries()) {
    report.append(checkCertificate(context, certificate, i === 0 ? 'target' : 'intermediate'));
    const issuer = chain[i + 1];
    if (issuer !== undefined) report.add('signature', certificate, checkSignature(context, certificate, issuer));
  }
  checkPurposes(context, chain, report);
  checkNames(context, chain[0] as PathCertificate, report);
  return report;
}

function walk(
  context: PathContext,
  topDown: readonly PathCertificate[],
  anchor: PathCertificate,
  report: Report,
): void {
  const { options } = context;
  const accepted = options.policies?.length ? options.policies : [ANY_POLICY];
  const policies = new PolicyState(topDown.length, options, (steps) => context.budget.spend('steps', steps));
  const constrained: PathCertificate[] = [];
  const constrain = (by: PathCertificate): void => {
    if (by.extensions.nameConstraints !== undefined) constrained.push(by);
  };
  let pathLength = anchor.extensions.basicConstraints?.pathLenConstraint ?? Number.POSITIVE_INFINITY;
  let limitedBy = anchor;
  let issuer = anchor;
  constrain(anchor);
  for (const [i, certificate] of topDown.entries()) {
    const last = i === topDown.length - 1;
    const position: Position = last ? 'target' : 'intermediate';
    const { extensions, selfIssued } = certificate;
    report.append(checkCertificate(context, certificate, position));
    report.add('signature', certificate, checkSignature(context, certificate, issuer));
    if (context.strict) report.append(profileOfPair(context, certificate, issuer));
    if (last || !selfIssued)
      report.add('name constraints', certificate, checkConstraints(context, certificate, constrained));
    const policyHolds = policies.enter(extensions.certificatePolicies, selfIssued && !last);
    if (!last) {
      report.add('policies', certificate, policyHolds ? [] : [noPolicy(certificate)]);
      if (!selfIssued) {
        report.add('path length', certificate, pathLength > 0 ? [] : [tooLong(certificate, limitedBy)]);
        pathLength = Math.max(0, pathLength - 1);
      }
      const limit = extensions.basicConstraints?.pathLenConstraint ?? Number.POSITIVE_INFINITY;
      if (limit < pathLength) {
        pathLength = limit;
        limitedBy = certificate;
      }
      if (extensions.policyMappings !== undefined) policies.map(extensions.policyMappings);
      policies.next(selfIssued, extensions.policyConstraints, extensions.inhibitAnyPolicy);
      constrain(certificate);
    } else {
      const holds = policies.finish(extensions.policyConstraints?.requireExplicitPolicy, accepted) && policyHolds;
      report.add('policies', certificate, holds ? [] : [noPolicy(certificate, accepted)]);
    }
    issuer = certificate;
  }
}

/** What `--strict` asks of a certificate and its issuer together; held once for each two, not for each path. */
function profileOfPair(context: PathContext, certificate: PathCertificate, issuer: PathCertificate): Report {
  const make = (): Report => reportWith('issuer profile', certificate, keyIdentifierFailures(certificate, issuer));
  return context.reportOf(certificate, `issued by ${issuer.fingerprint}`, make);
}

/** RFC 5280 §6.1.3(a)(1). What is wrong with the algorithm or the issuer's key is reported by its own rule. */
function checkSignature(context: PathContext, certificate: PathCertificate, issuer: PathCertificate): PathFailure[] {
  if (context.algorithmProblem(certificate.certificate.signatureAlgorithm) === 'unsupported') return [];
  if (issuer.keyShape === undefined) return [];
  if (context.verifies(certificate.certificate, issuer)) return [];
  return [
    pathFailure(
      'signature-invalid',
      certificate,
      `signature does not verify with the key of ${issuer.subjectText || 'its issuer'} (${issuer.fingerprint.slice(0, 16)})`,
    ),
  ];
}

/** Of the names that a certificate has or may not have, how many are shown. */
const SHOWN_NAMES = 10;

const VIOLATIONS = {
  'not-permitted': ['name-not-permitted', 'is outside the permitted subtrees of'],
  excluded: ['name-excluded', 'is in an excluded subtree of'],
  malformed: ['name-constraints-unsupported', 'is malformed, and cannot be held against the constraints of'],
  unsupported: ['name-constraints-unsupported', 'is of a form that cannot be held against the constraints of'],
} as const;

/** RFC 5280 §6.1.3(b), (c): against every CA above, so that their intersection holds. */
function checkConstraints(
  context: PathContext,
  certificate: PathCertificate,
  constrained: readonly PathCertificate[],
): PathFailure[] {
  const spend = (comparisons: number): void => context.budget.spend('names', comparisons);
  return constrained.flatMap((by) => {
    const { nameConstraints } = by.extensions;
    const violations = nameConstraints === undefined ? [] : findViolations(nameConstraints, certificate.names, spend);
    const failures = violations.slice(0, SHOWN_NAMES).map(({ kind, name }) => {
      const [code, what] = VIOLATIONS[kind];
      return pathFailure(code, certificate, `${name} ${what} ${by.subjectText}`);
    });
    const more = violations.length - failures.length;
    const first = failures[0];
    if (more > 0 && first !== undefined) first.message += `, and ${more} names more than those shown`;
    return failures;
  });
}

function noPolicy(certificate: PathCertificate, accepted?: readonly string[]): PathFailure {
  const wanted = accepted === undefined || accepted.includes(ANY_POLICY) ? '' : ` of ${accepted.join(', ')}`;
  return pathFailure(
    'policy-not-valid',
    certificate,
    `an explicit policy is required, and none${wanted} holds from the anchor down to here`,
  );
}

function tooLong(certificate: PathCertificate, limitedBy: PathCertificate): PathFailure {
  const limit = limitedBy.extensions.basicConstraints?.pathLenConstraint;
  return pathFailure(
    'path-length-exceeded',
    certificate,
    `${limitedBy.subjectText} allows ${limit} CAs below it (pathLenConstraint)`,
  );
}

/** EKU down the chain and in the anchor, and the target's key usage (RFC 5280 §4.2.1.12). Looked at once, not for each path. */
function checkPurposes(context: PathContext, chain: readonly PathCertificate[], report: Report): void {
  const wanted = (context.options.purposes ?? []).map(purposeOid).filter((purpose) => purpose !== undefined);
  if (wanted.length === 0) return;
  for (const [i, certificate] of chain.entries()) {
    const make = (): Report => reportWith('purpose', certificate, purposeFailures(certificate, wanted, i === 0));
    report.append(context.reportOf(certificate, i === 0 ? 'purpose of the target' : 'purpose of an issuer', make));
  }
}

function purposeFailures(certificate: PathCertificate, wanted: readonly string[], isTarget: boolean): PathFailure[] {
  const { extKeyUsage, keyUsage } = certificate.extensions;
  return wanted.flatMap((purpose) => {
    const failures: PathFailure[] = [];
    if (!allowsPurpose(extKeyUsage, purpose)) {
      const allowed = extKeyUsage?.map(oidName).join(', ');
      failures.push(
        pathFailure('purpose-not-allowed', certificate, `${oidName(purpose)} is wanted, it allows ${allowed}`),
      );
    }
    const missing = isTarget ? missingKeyUsage(keyUsage, purpose) : undefined;
    if (missing !== undefined)
      failures.push(
        pathFailure(
          'key-usage-not-allowed',
          certificate,
          `${oidName(purpose)} needs one of ${missing.join(', ')}, its key usage is ${[...(keyUsage ?? [])].join(', ')}`,
        ),
      );
    return failures;
  });
}

/** The target's names (RFC 9525 §6). Looked at once, not for each path. */
function checkNames(context: PathContext, target: PathCertificate, report: Report): void {
  for (const name of context.options.names ?? []) {
    const make = (): Report => {
      const matches = matchesPeerName(target.extensions.subjectAltName, name);
      return reportWith('subject name', target, matches ? [] : [nameMismatch(target, name)]);
    };
    report.append(context.reportOf(target, `name ${name}`, make));
  }
}

function reportWith(check: CheckName, certificate: PathCertificate, failures: PathFailure[]): Report {
  const report = new Report();
  report.add(check, certificate, failures);
  return report;
}

function nameMismatch(target: PathCertificate, name: string): PathFailure {
  const { dns, ip, email, uri } = target.names;
  const texts = [...dns, ...ip, ...email, ...uri].map(({ text }) => text);
  const shown =
    texts.length > SHOWN_NAMES ? [...texts.slice(0, SHOWN_NAMES), `${texts.length - SHOWN_NAMES} more`] : texts;
  const has = shown.length === 0 ? 'it has no subject alternative name to compare' : `it has ${shown.join(', ')}`;
  return pathFailure('name-mismatch', target, `not valid for ${name}; ${has}`);
}

function checkDepth(context: PathContext, chain: readonly PathCertificate[], report: Report): void {
  const depth = intermediates(chain);
  const target = chain[0];
  if (target === undefined) return;
  const failures =
    depth <= context.maxDepth
      ? []
      : [pathFailure('max-depth-exceeded', target, `${depth} intermediates, ${context.maxDepth} are allowed`)];
  report.add('depth', target, failures);
}

/** Intermediates of a chain that count for its depth: those that are not self-issued. */
export function intermediates(chain: readonly PathCertificate[]): number {
  return chain.slice(1).filter(({ selfIssued }) => !selfIssued).length;
}
