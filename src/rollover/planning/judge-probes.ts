import { humanDuration } from '../../ui/text/duration.ts';
import type { Proof } from './proof.ts';

/** How a service answered one certificate, and when, in milliseconds since 1970. */
export interface ProbeAnswer {
  readonly outcome: 'accepted' | 'refused';
  readonly at: number;
  /** Of a refusal: what the service said. */
  readonly reason?: string | undefined;
}

/** A refusal counts when the service has accepted the other probe within this time. */
export const SAME_MINUTE = 60_000;

export interface ProbeAnswers {
  /** To a probe of the CA that goes. */
  readonly old?: ProbeAnswer | undefined;
  /** To one of the CA that comes, which differs in nothing but its issuer. */
  readonly new?: ProbeAnswer | undefined;
  /** To a certificate of a CA that nobody has heard of. */
  readonly stranger?: ProbeAnswer | undefined;
  /** False where it has asked for no client certificate in the handshake: it has none to check. */
  readonly asks?: boolean | undefined;
  /** The inventory says that it checks none. */
  readonly saidToCheckNone?: boolean | undefined;
}

const CHECKS_NONE =
  'it lets in a certificate of a CA that nobody knows: it checks none, and proves nothing; where that is meant, its inventory entry says verifyClient: none';
const DOES_CHECK =
  'the inventory says verifyClient: none, and it refuses a certificate of a CA that nobody knows: it checks';

/**
 * What probes prove of the anchors that a service accepts by. Accepted: it has the anchor. Refused: it has it not, if in
 * the same minute it accepted the other probe; a refusal alone proves nothing, because a clock that is an hour off, a
 * missing CRL or a wrong purpose refuse too. One that lets in whoever comes proves nothing by letting us in:
 * where it is meant to, or asks for no certificate at all, there is nothing to prove.
 */
export function judgeProbes(answers: ProbeAnswers): Pick<Proof, 'trustsOld' | 'trustsNew' | 'checksNone' | 'error'> {
  const { old, new: fresh, stranger, asks, saidToCheckNone = false } = answers;
  if (stranger?.outcome === 'accepted')
    return saidToCheckNone || asks === false ? { checksNone: true } : { error: CHECKS_NONE };
  const trustsOld = trusts(old, fresh);
  const trustsNew = trusts(fresh, old);
  const error = saidToCheckNone && stranger !== undefined ? DOES_CHECK : why(old, fresh);
  return {
    ...(trustsOld === undefined ? {} : { trustsOld }),
    ...(trustsNew === undefined ? {} : { trustsNew }),
    ...(error === undefined ? {} : { error }),
  };
}

function trusts(answer: ProbeAnswer | undefined, control: ProbeAnswer | undefined): boolean | undefined {
  if (answer === undefined) return undefined;
  if (answer.outcome === 'accepted') return true;
  if (control?.outcome !== 'accepted') return undefined;
  return Math.abs(answer.at - control.at) <= SAME_MINUTE ? false : undefined;
}

function why(old: ProbeAnswer | undefined, fresh: ProbeAnswer | undefined): string | undefined {
  const refusals = [old, fresh].filter((answer) => answer?.outcome === 'refused');
  if (refusals.length === 0) return undefined;
  const reason = refusals[0]?.reason ?? 'no reason given';
  if (refusals.length === 2)
    return `it refuses the probes of both CAs, which proves nothing of either (${reason}): look at its clock, its CRL and its log`;
  const other = refusals[0] === old ? fresh : old;
  if (other === undefined) return `a refusal alone proves nothing (${reason})`;
  const apart = Math.abs(other.at - (refusals[0]?.at ?? 0));
  return apart > SAME_MINUTE
    ? `the two probes lie ${humanDuration(apart)} apart: a refusal counts within one minute`
    : undefined;
}
