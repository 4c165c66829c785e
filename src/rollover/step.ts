import { ClusterCaError } from '../errors.ts';
import { removeDestroyed } from '../keystore/destroyed.ts';
import { phaseOf } from '../keystore/hierarchy.ts';
import { doomed } from '../keystore/log/apply-rollover.ts';
import type { Bodies } from '../keystore/log/bodies.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { dropReplaced } from '../revocation/renew-crls.ts';
import type { Phase } from './phase.ts';

export interface Step {
  from: Phase;
  to: Phase;
  requestId: string;
  /** Asked again on the newest log, right before the record: throws when the step may not be taken any more. */
  confirm?: () => Promise<void>;
  /** What the record holds besides; made anew for every log that it is to be appended to. */
  rest?: () => Promise<Pick<Bodies['rollover'], 'crls' | 'rewrapped'>>;
}

/**
 * Commits one step of a rollover: one record that is appended only to the log in which the rollover is where it was
 * (I4). What the step destroys is removed behind it.
 * @returns false when another operator has taken the very same step meanwhile
 * @throws ERR_STATE when the rollover is elsewhere by now; what `confirm` throws
 */
export async function commitStep(writer: KeystoreWriter, step: Step): Promise<boolean> {
  const { keystore } = writer;
  const { from, to } = step;
  const before = keystore.state.crls;
  const record = await writer.commit('rollover', step.requestId, async () => {
    const now = phaseOf(keystore.state);
    if (now === to) return undefined;
    if (now !== from) throw moved(from, now);
    await step.confirm?.();
    const destroyed = doomed(keystore.state, to);
    return { from, to, ...(await step.rest?.()), ...(destroyed.length === 0 ? {} : { destroyed }) };
  });
  await dropReplaced(writer, before);
  await removeDestroyed(keystore);
  return record !== undefined;
}

/**
 * In `rollback`, when no certificate of the new root is in use any more: it goes out of the trust bundles, and the old
 * one alone is left.
 * @returns false when that was recorded already
 */
export async function commitWithdrawal(
  writer: KeystoreWriter,
  requestId: string,
  confirm: () => Promise<void> = async () => {},
): Promise<boolean> {
  const { keystore } = writer;
  const record = await writer.commit('withdraw', requestId, async () => {
    const phase = phaseOf(keystore.state);
    if (phase !== 'rollback') throw moved('rollback', phase);
    if (keystore.state.rollover?.withdrawn) return undefined;
    await confirm();
    return {};
  });
  return record !== undefined;
}

function moved(from: Phase, now: Phase): ClusterCaError {
  return new ClusterCaError('ERR_STATE', `the rollover is not in the phase ${from} any more, but in ${now}`, {
    hint: 'somebody else has moved it: cluster-ca rollover status',
  });
}
