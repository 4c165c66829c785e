import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Change } from '../targets/target.ts';
import { confirm, type Failure, reload } from './apply.ts';
import { discard, type Placed } from './placing.ts';
import type { Open, Task } from './task.ts';

/**
 * The files of before, made known again and seen to be served.
 * @returns the failure, and what it came to
 */
export async function putBack(task: Task, failed: Failure, change: Change, placed: Placed): Promise<ClusterCaError> {
  const { error } = failed;
  const end = (what: string): ClusterCaError =>
    new ClusterCaError('ERR_REMOTE', `${error.message}; ${what}`, {
      hint: error.hint ?? 'see the log of the service',
      details: { ...error.details, cause: error.code },
    });
  const { previous, generation } = placed;
  if (previous === undefined || previous === generation)
    return end('there were no files before that could be put back');
  task.context.step(task.unit, 'putting back');
  try {
    await task.directory.putBack(previous);
  } catch (again) {
    if (!isClusterCaError(again)) throw again;
    return end(`and the previous files were not put back: ${again.message}`);
  }
  const own = await task.directory.fingerprint();
  const outcomes: string[] = [];
  let seen = false;
  for (const one of task.opened.slice(0, task.opened.indexOf(failed.open) + 1)) {
    if (one.served?.state === 'down') continue;
    const wrong = await takeBack(task, one, change, own);
    if (wrong !== undefined) outcomes.push(`${one.deployable.service.label} did not take them: ${wrong}`);
    else seen ||= one.served?.state === 'serves';
  }
  if (outcomes.length > 0) return end(`the previous files were put back, but ${outcomes.join('; ')}`);
  await discard(task, generation);
  return end(`the previous files were put back${seen ? ' and are in use' : ''}`);
}

/**
 * What it served before is enough, and what the files have: a server that never took the new ones serves it already,
 * whatever the reload says.
 * @returns why it does not
 */
async function takeBack(task: Task, one: Open, change: Change, own: string | undefined): Promise<string | undefined> {
  const { served } = one;
  const told = await reload(task, one, change).then(
    () => undefined,
    (error: unknown) => messageOf(error),
  );
  // What answered no handshake before is not expected to now.
  if (served?.state !== 'serves') return told;
  const fingerprints = [served.fingerprint, ...(own === undefined ? [] : [own])];
  return confirm(task, one, change, { fingerprints, lets: served.lets }).then(
    () => undefined,
    (error: unknown) => told ?? messageOf(error),
  );
}

function messageOf(error: unknown): string {
  if (!isClusterCaError(error)) throw error;
  return error.message;
}
