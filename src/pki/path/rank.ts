import type { PathAttempt } from './build.ts';
import type { PathFailure } from './failure.ts';
import { FAILURES } from './failure-codes.ts';

/** The failures with the most informative first, each once. */
export function rankFailures(failures: readonly PathFailure[]): PathFailure[] {
  const unique = new Map(
    failures.map((failure) => [`${failure.code} ${failure.fingerprint} ${failure.message}`, failure]),
  );
  return [...unique.values()].toSorted((a, b) => FAILURES[b.code].rank - FAILURES[a.code].rank);
}

/**
 * The attempt that explains best why there is no valid path: one that reached an anchor, with the fewest failures,
 * whose first failure tells most.
 */
export function bestAttempt(attempts: readonly PathAttempt[]): PathAttempt | undefined {
  return attempts.toSorted(compare)[0];
}

function compare(a: PathAttempt, b: PathAttempt): number {
  const reached = Number(b.anchor !== undefined) - Number(a.anchor !== undefined);
  return (
    reached ||
    wrongSignatures(a) - wrongSignatures(b) ||
    a.report.failures.length - b.report.failures.length ||
    top(b) - top(a)
  );
}

function wrongSignatures(attempt: PathAttempt): number {
  return attempt.report.failures.filter(({ code }) => code === 'signature-invalid').length;
}

function top(attempt: PathAttempt): number {
  return Math.max(0, ...attempt.report.failures.map(({ code }) => FAILURES[code].rank));
}
