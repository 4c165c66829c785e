import { sha256OfText } from '../../crypto/hash.ts';
import { lifetimeOf } from '../../pki/validity.ts';
import type { Policy } from '../log/bodies.ts';
import type { Holder } from './row.ts';

/** Nothing is due before a tenth of its life is over, whatever the policy. */
export const DUE_AT_MOST = 0.9;
/** Up to this part of the life earlier, so that nodes issued together do not come due together. */
const SPREAD = 0.05;

/** What of the policy decides when a certificate is due. Seconds. */
export type DuePolicy = Pick<Policy, 'rotateBefore' | 'nodeLifetime'>;

/** The part of a certificate's life that is left when it becomes due: rotate-before / node-lifetime, at most 0.9. */
export function dueRatio(policy: DuePolicy): number {
  return Math.min(policy.rotateBefore / policy.nodeLifetime, DUE_AT_MOST);
}

/**
 * From when a certificate is due: when ratio · life is left, or up to 5 % of its life earlier, spread by a hash of
 * its holder. Proportions, so that certificates of a minute and of a year work alike.
 * @returns milliseconds since 1970
 */
export function dueAt(policy: DuePolicy, holder: Holder, notBefore: number, notAfter: number): number {
  const life = lifetimeOf(notBefore, notAfter);
  const hash = sha256OfText(`${holder.name}/${holder.plane}`);
  const spread = (((hash[0] as number) << 16) | ((hash[1] as number) << 8) | (hash[2] as number)) / 2 ** 24;
  return Math.floor(notAfter + 1000 - (dueRatio(policy) + SPREAD * spread) * life);
}
