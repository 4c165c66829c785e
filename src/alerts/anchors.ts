import { formatTime } from '../values/time.ts';
import type { Alert } from './alert.ts';

const DAY = 86_400_000;
/** Who gives an anchor away needs about so long to replace it. */
const AHEAD = 30 * DAY;

/**
 * A further anchor that ends: a warning when less than 30 days, or, where that is more than half its life, less than a
 * tenth of it is left; critical when it has ended, and left the trust bundles.
 */
export function anchorAlert(
  anchor: { subject: string; fingerprint: string; notBefore: number; notAfter: number },
  now: number,
): Alert | undefined {
  const end = anchor.notAfter + 1000;
  const life = end - anchor.notBefore;
  const left = end - now;
  const warnAt = AHEAD > life / 2 ? life / 10 : AHEAD;
  if (left >= warnAt) return undefined;
  const ended = left <= 0;
  return {
    name: 'trust_anchor_about_to_expire',
    severity: ended ? 'critical' : 'warning',
    subject: `anchor ${anchor.fingerprint.slice(0, 16)}`,
    message: ended
      ? `the added anchor ${anchor.subject} has ended on ${formatTime(anchor.notAfter)}: it is in no trust bundle any more`
      : `the added anchor ${anchor.subject} ends on ${formatTime(anchor.notAfter)}, and leaves the trust bundles`,
    hint: ended
      ? `cluster-ca trust remove ${anchor.fingerprint.slice(0, 16)}`
      : 'add what comes after it: cluster-ca trust add FILE',
    since: formatTime(ended ? end : end - warnAt),
    expiresAt: formatTime(anchor.notAfter),
  };
}
