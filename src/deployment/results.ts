import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { OldConnections } from '../targets/target.ts';
import type { Difference } from './change.ts';
import { type Placed, tidy } from './placing.ts';
import { type DirectoryState, timeOf } from './service-directory.ts';
import type { Open, ServiceResult, Task } from './task.ts';

/** Nothing is to be changed: what is served is what is on disk, or nothing listens. */
export async function settled(task: Task, { current, leftovers }: DirectoryState): Promise<ServiceResult[]> {
  const since = current === undefined ? undefined : timeOf(current);
  const results: ServiceResult[] = [];
  for (const one of task.opened) {
    const { served, deployable } = one;
    if (served?.state === 'serves') {
      const old = since === undefined ? {} : await connections(task, one, since);
      results.push({ deployable, state: 'unchanged', served: served.fingerprint, ...old });
      continue;
    }
    if (served !== undefined) task.context.warn(`${task.unit.holder.name}: ${served.why}; its files are up to date`);
    results.push({ deployable, state: 'unchanged' });
  }
  if (leftovers.length > 0 && current !== undefined) await tidy(task, current);
  return results;
}

/** The new files are in use where something listens; then the generations of before are not needed any more. */
export async function confirmed(
  task: Task,
  { generation, since, fingerprint }: Placed,
  { first }: Difference,
): Promise<ServiceResult[]> {
  const results: ServiceResult[] = [];
  let everyOne = true;
  for (const one of task.opened) {
    const { deployable, served } = one;
    const { address, kind } = deployable.service;
    if (served?.state === 'down') {
      everyOne = everyOne && first;
      results.push(
        first ? { deployable, state: 'placed' } : { deployable, state: 'pending', error: waiting(served.why) },
      );
    } else if (address === undefined || kind === 'files') results.push({ deployable, state: 'placed' });
    else
      results.push({
        deployable,
        state: 'confirmed',
        served: fingerprint,
        ...(await connections(task, one, since)),
      });
  }
  if (everyOne) await tidy(task, generation);
  return results;
}

/** It was served before, and is down: the files wait for it. */
function waiting(why: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', `${why}; its new files are in place, and it takes them when it starts`, {
    hint: 'start it, then run the same command again, which confirms it',
  });
}

/** Counts the connections of before; renews them where that was asked for. What fails here has failed nothing. */
async function connections(task: Task, { deployable, session }: Open, since: Date): Promise<{ old?: OldConnections }> {
  if (session.connections === undefined) return {};
  try {
    if (task.context.cycle && session.cycle !== undefined) {
      task.context.step(task.unit, `renewing connections of ${deployable.service.label}`);
      await session.cycle(since);
    }
    const old = await session.connections(since);
    return old.count === 0 ? {} : { old };
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    task.context.warn(`${deployable.service.label}: its connections are not known: ${error.message}`);
    return {};
  }
}
