import { type ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Change } from '../targets/target.ts';
import { remote } from './failure.ts';
import { confirmServed, type Wanted } from './served.ts';
import { type Open, patienceFor, type Task } from './task.ts';

/** A service that did not take what it was given, and why. */
export interface Failure {
  open: Open;
  error: ClusterCaError;
}

/**
 * Reloads and confirms each service.
 * @param fingerprint of the certificate that is to be served
 * @returns what failed; undefined when all is as it should be
 */
export async function apply(task: Task, change: Change, fingerprint: string): Promise<Failure | undefined> {
  for (const one of task.opened) {
    if (one.served?.state === 'down') continue;
    try {
      await reload(task, one, change);
      await confirm(task, one, change, { fingerprints: [fingerprint], lets: true });
      if (one.served !== undefined)
        task.context.step(task.unit, `${one.deployable.service.label} serves ${fingerprint.slice(0, 12)}`);
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      return { open: one, error };
    }
  }
  return undefined;
}

/** Makes a service take what is on its disk. @throws ERR_REMOTE, ERR_TIMEOUT */
export async function reload({ context, unit }: Task, { deployable, session }: Open, change: Change): Promise<void> {
  context.step(unit, `reloading ${deployable.service.label}`);
  await session.reload(change);
}

/** Looks at what is served, where that can be done, and asks the service itself. @throws ERR_REMOTE */
export async function confirm(
  { context, unit }: Task,
  { deployable, session }: Open,
  change: Change,
  wanted: Wanted,
): Promise<void> {
  const { service } = deployable;
  context.step(unit, `confirming ${service.label}`);
  const { address } = service;
  if (address !== undefined && service.kind !== 'files') {
    const patience = patienceFor(deployable, context);
    const wrong = await confirmServed({ ...service, address }, context.client, wanted, patience);
    if (wrong !== undefined) throw remote(wrong);
  }
  const disproved = await session.proof?.(change);
  if (disproved !== undefined) throw remote(disproved);
}
