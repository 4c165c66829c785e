import { ClusterCaError } from '../errors.ts';
import type { Op } from './log/bodies.ts';
import type { LogState } from './log/state.ts';

/** How far behind the last record a clock may be without anybody noticing. */
const TOLERANCE = 5 * 60_000;
/** How far beyond the last record a clock is before every output warns. */
const LEAP = 40 * 86_400_000;
/** What a clock that is behind does not stop: nothing that begins or ends by the clock. */
const UNSTOPPED: readonly Op[] = ['revoke', 'crl', 'alerts'];

/**
 * The time of the next record: never before the last one's. A clock that is more than five minutes behind stops
 * everything but a revocation, a CRL or an alert (about that clock, too), until the operator accepts it: then a new
 * time epoch begins.
 * @throws ERR_CLOCK
 */
export function recordTime(state: LogState, now: Date, op: Op, accept: boolean): { time: string; epoch: number } {
  const behind = state.time - now.getTime();
  if (behind <= TOLERANCE || UNSTOPPED.includes(op))
    return { time: new Date(Math.max(now.getTime(), state.time)).toISOString(), epoch: state.epoch };
  if (accept) return { time: now.toISOString(), epoch: state.epoch + 1 };
  throw clockError(state, now);
}

/** Refuses a clock that is too far behind before anything is done. @throws ERR_CLOCK */
export function checkClock(state: LogState, now: Date, accept: boolean): void {
  if (!accept && isBehind(state, now)) throw clockError(state, now);
}

/** True when a clock is further behind the last record than clocks are by chance. */
export function isBehind(state: LogState, now: Date): boolean {
  return state.time - now.getTime() > TOLERANCE;
}

/** A warning when this clock is far ahead of the last record: one write by a wrong clock would bind all others. */
export function clockWarning(state: Pick<LogState, 'time'>, now: Date): string | undefined {
  const ahead = now.getTime() - state.time;
  if (ahead <= LEAP) return undefined;
  return `this clock is ${Math.floor(ahead / 86_400_000)} days beyond the keystore's last record: check it before you write`;
}

/** How far this clock is from the last record, where that is further than by chance. */
export function clockLeap(
  state: Pick<LogState, 'time'>,
  now: Date,
): { behind: number } | { ahead: number } | undefined {
  const ahead = now.getTime() - state.time;
  return ahead > LEAP ? { ahead } : -ahead > TOLERANCE ? { behind: -ahead } : undefined;
}

function clockError(state: LogState, now: Date): ClusterCaError {
  const last = new Date(state.time).toISOString();
  return new ClusterCaError(
    'ERR_CLOCK',
    `this clock says ${now.toISOString()}, before the keystore's last record of ${last}`,
    {
      hint: 'set the clock; if the last record was written by a wrong one: --accept-clock',
    },
  );
}

/**
 * Between what two times it is now. They are one time, unless this clock and the last record are so far apart that one of
 * them is wrong: then nothing may end, or not have begun, by the wrong one.
 */
export function clockSpan(state: Pick<LogState, 'time'>, now: Date): { from: Date; to: Date } {
  const last = new Date(state.time);
  const leap = clockLeap(state, now);
  if (leap === undefined) return { from: now > last ? now : last, to: now > last ? now : last };
  return 'ahead' in leap ? { from: last, to: now } : { from: now, to: last };
}
