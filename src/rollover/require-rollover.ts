import { ClusterCaError } from '../errors.ts';
import { phaseOf } from '../keystore/hierarchy.ts';

/** @throws ERR_STATE when there is no rollover to go on with, or back from */
export function requireRollover(state: Parameters<typeof phaseOf>[0]): void {
  const phase = phaseOf(state);
  if (phase !== 'stable' && phase !== 'done') return;
  throw new ClusterCaError('ERR_STATE', phase === 'done' ? 'the rollover is done' : 'no rollover is in progress', {
    hint: 'cluster-ca rollover start begins one',
  });
}
