import { ClusterCaError } from '../errors.ts';
import { isDestroyed } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';

/**
 * Refuses to commit what a CA has signed that may not sign it any more: a rollover went on meanwhile (I2, I6).
 * @param any a probe, or the daemon's own certificate: either CA of a rollover may sign it
 * @throws ERR_STATE
 */
export function requireIssuer(keystore: Keystore, authority: Authority, any = false): void {
  const allowed = any ? !isDestroyed(keystore.state, authority.id) : keystore.issuing.id === authority.id;
  if (allowed) return;
  throw new ClusterCaError(
    'ERR_STATE',
    `${authority.id} does not issue any more: the rollover went on while certificates were being signed`,
    { hint: 'run the same command again: the new issuing CA signs' },
  );
}
