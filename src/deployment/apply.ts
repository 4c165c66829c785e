import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Change } from '../targets/target.ts';
import { confirmServed } from './served.ts';
import { type Open, patienceFor, type Task } from './task.ts';

/** A service that did not take what it was given, and why. */
export interface Failure {
  open: Open;
  error: ClusterCaError;
}

/** Reloads and confirms each service. @returns what failed; undefined when all is as it should be */
export async function apply(task: Task, change: Change): Promise<Failure | undefined> {
  for (const one of task.opened) {
    if (one.served?.state === 'down') continue;
    try {
      await take(task, one, change, expected(task, one));
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return { open: one, error };
    }
  }
  return undefined;
}

/** The certificate that is to be served: the new one; when only the CRL is pushed, the one that is. */
export function expected(task: Task, { served }: Open): string {
  return task.context.onlyCrl && served?.state === 'serves' ? served.fingerprint : task.material.fingerprint;
}

async function take(task: Task, { deployable, session }: Open, change: Change, fingerprint: string): Promise<void> {
  const { service } = deployable;
  task.context.step(task.unit, `reloading ${service.label}`);
  await session.reload(change);
  task.context.step(task.unit, `confirming ${service.label}`);
  const { address } = service;
  const wrong =
    address === undefined || service.kind === 'files'
      ? undefined
      : await confirmServed(
          { ...service, address },
          task.context.client,
          fingerprint,
          patienceFor(deployable, task.context),
        );
  if (wrong !== undefined) throw remote(wrong);
  const disproved = await session.proof?.(change);
  if (disproved !== undefined) throw remote(disproved);
}

/** The files of before, made known again and seen to be served. @returns the failure, and what it came to */
export async function putBack(
  task: Task,
  failed: Failure,
  change: Change,
  previous: string | undefined,
  generation: string,
): Promise<ClusterCaError> {
  const { error } = failed;
  const details = { ...error.details, cause: error.code };
  if (previous === undefined || previous === generation)
    return new ClusterCaError('ERR_REMOTE', `${error.message}; there were no files before that could be put back`, {
      hint: error.hint,
      details,
    });
  task.context.step(task.unit, 'putting back');
  await task.directory.putBack(previous);
  const outcomes: string[] = [];
  for (const one of task.opened.slice(0, task.opened.indexOf(failed.open) + 1)) {
    if (one.served?.state !== 'serves') continue;
    try {
      await take(task, one, change, one.served.fingerprint);
    } catch (again) {
      if (!isClusterCaError(again)) throw again;
      outcomes.push(`${one.deployable.service.label} did not take them: ${again.message}`);
    }
  }
  if (outcomes.length === 0) await task.directory.prune(previous);
  return new ClusterCaError(
    'ERR_REMOTE',
    `${error.message}; the previous files were put back${outcomes.length === 0 ? ' and are in use' : `, but ${outcomes.join('; ')}`}`,
    { hint: error.hint ?? 'see the log of the service', details },
  );
}

/** What a service did, as an error. */
export function remote(message: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint: 'see the log of the service' });
}
