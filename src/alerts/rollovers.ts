import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

/** A rollover, by the last proofs. Times in milliseconds since 1970. */
export interface RolloverStanding {
  phase: string;
  /** When the phase began. */
  since: number;
  /** When services were looked at last in this phase; undefined when they were not yet. */
  lookedAt: number | undefined;
  /** `--emergency`: the time that a phase may take. */
  deadline: number | undefined;
  /** The nodes and clients that block, each once. */
  blocking: readonly string[];
  /** Why, and what helps, of each that blocks. */
  blockers: readonly { reason: string; hint: string }[];
}

/** While somebody is taking it on, what blocks now is done in a moment. */
const GRACE = 60_000;
const NAMED = 5;

/**
 * A rollover that cannot go on: a warning, because every phase is one in which everything works; critical when it was
 * begun as an emergency and the time of its phase is over.
 */
export function rolloverAlert(standing: RolloverStanding, now: number): Alert | undefined {
  const { phase, since, lookedAt, deadline, blocking, blockers } = standing;
  const [first] = blockers;
  const grace = deadline === undefined ? GRACE : Math.min(GRACE, deadline / 4);
  if (first === undefined || lookedAt === undefined || lookedAt < since || now - lookedAt < grace) return undefined;
  const more = blocking.length > NAMED ? ` and ${blocking.length - NAMED} more` : '';
  const who = blocking.length === 0 ? '' : ` by ${blocking.slice(0, NAMED).join(', ')}${more}`;
  return {
    name: 'rollover_blocked',
    severity: deadline !== undefined && now >= since + deadline ? 'critical' : 'warning',
    subject: 'rollover',
    message: `it is blocked in ${phase}${who}: ${first.reason}`,
    hint: first.hint,
    since: formatTime(since),
  };
}
