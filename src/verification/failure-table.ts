import { FINDINGS } from '../drift/codes.ts';
import { FAILURES } from '../pki/path/index.ts';
import { REJECTIONS } from './candidates.ts';

/** One code of `verify`, as the manual page lists it. */
export interface CodeRow {
  code: string;
  /** The rule that is broken, with its section. */
  rule?: string;
  meaning: string;
  /** What to do. */
  cure?: string;
  severity?: string;
}

/** Every way in which a path fails (`failures[].code`), the most telling first, as `verify` ranks them. */
export function failureTable(): CodeRow[] {
  return Object.entries(FAILURES)
    .toSorted(([, a], [, b]) => b.rank - a.rank)
    .map(([code, { rule, meaning, hint }]) => ({ code, rule, meaning, cure: hint }));
}

/** Why a certificate or CRL that was given is not on the path (`candidates[].why`). */
export function rejectionTable(): CodeRow[] {
  return Object.entries(REJECTIONS).map(([code, meaning]) => ({ code, meaning }));
}

/** Everything that `verify --inventory` reports (`findings[].code`). */
export function findingTable(): CodeRow[] {
  return Object.entries(FINDINGS).map(([code, { severity, meaning, hint }]) => ({
    code,
    severity,
    meaning,
    cure: hint,
  }));
}
