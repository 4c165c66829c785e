import { ClusterCaError } from '../errors.ts';
import type { Deployable, Unit } from './unit.ts';

/**
 * What a run gives to nodes among which no order matters, so that one that fails does not keep the others from theirs: a
 * trust bundle, certificates under a CA that all trust. Else a wave in which something failed is the last.
 */
export type Independent = 'trust' | 'certificate';

/** What has failed so far in a run. */
export interface Failures {
  /** Names of nodes and clients, in the order in which they failed. */
  failed: readonly string[];
  /** Of these, those of which something that served serves nobody any more. */
  lost: readonly string[];
}

/**
 * Why a unit is not reached behind what has failed; undefined where it is all the same. One that has refused what it was
 * given, and serves what it had, is a defect of that one: the others go on. Not so when more have refused than may be
 * unavailable at once, since then it is what they are given; when one serves nobody any more, which the next may not
 * outlive either; and where a service would be restarted, because each of two that are away is one too many. Pure.
 * @param atOnce how many nodes may be unavailable at once, 1 or more
 */
export function notReached(
  unit: Pick<Unit, 'services'>,
  { failed, lost }: Failures,
  atOnce: number,
  independent: Independent | undefined,
): ClusterCaError | undefined {
  const [first] = failed;
  if (first === undefined) return undefined;
  if (independent === undefined) return stopped(`the run stopped when ${first} failed`, 'that one');
  if (lost.length > 0) return stopped(`${lost.join(', ')} failed, and serves nobody any more`, 'that');
  if (failed.length > atOnce)
    return stopped(`${failed.join(', ')} failed, more than the ${atOnce} that may be unavailable at once`, 'them');
  if (unit.services.some((one) => restarts(one, independent)))
    return stopped(`${failed.join(', ')} failed, and it would have to be restarted beside that`, 'that');
  return undefined;
}

function restarts({ abilities }: Pick<Deployable, 'abilities'>, independent: Independent): boolean {
  return abilities[independent] === 'restart';
}

function stopped(why: string, what: string): ClusterCaError {
  return new ClusterCaError('ERR_STATE', `not reached: ${why}`, {
    hint: `mend ${what}, then run the same command again`,
  });
}
