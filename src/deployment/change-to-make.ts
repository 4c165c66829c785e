import { equalBytes } from '../pki/der/writer.ts';
import type { Change } from '../targets/target.ts';
import type { Difference } from './change.ts';
import type { DirectoryState, Name } from './service-directory.ts';
import type { Task } from './task.ts';

/** Of what differs, what this run is for. Where nothing was placed yet, there is no CRL to renew. */
export function relevant(task: Task, difference: Difference): Difference {
  if (!task.context.onlyCrl) return difference;
  return { ...difference, certificate: false, trust: false, crl: difference.crl && !difference.first };
}

/** What is to be made known to the services; undefined when there is nothing. */
export async function changeToMake(
  task: Task,
  difference: Difference,
  state: DirectoryState,
): Promise<Change | undefined> {
  const { certificate, trust, crl } = difference;
  if (isUnfinished(state)) return sinceOlder(task, difference, state);
  if (certificate || trust || crl) return { certificate, trust, crl };
  if (task.context.onlyCrl) return undefined;
  const stale = task.opened.some(
    ({ served, deployable }) =>
      deployable.service.kind !== 'files' &&
      // A server that lets nobody in may have read a bundle that is whole by now.
      (served?.state === 'broken' ||
        (served?.state === 'serves' && (served.fingerprint !== task.material.fingerprint || !served.lets))),
  );
  return stale ? { certificate: true, trust: true, crl: true } : undefined;
}

/** An older generation is there for as long as the newer one is not confirmed. */
export function isUnfinished({ generations, current }: DirectoryState): boolean {
  return current !== undefined && generations.some((name) => name !== current);
}

/** What an unfinished run may not have made known yet: what differs from any generation before, and from what is wanted. */
async function sinceOlder(
  { directory }: Task,
  difference: Difference,
  { generations, current }: DirectoryState,
): Promise<Change> {
  const differs = async (...names: Name[]): Promise<boolean> => {
    for (const name of names) {
      const now = await directory.read(name);
      for (const older of generations.filter((generation) => generation !== current)) {
        const before = await directory.read(name, older);
        const same = now === undefined || before === undefined ? now === before : equalBytes(now, before);
        before?.fill(0);
        if (same) continue;
        now?.fill(0);
        return true;
      }
      now?.fill(0);
    }
    return false;
  };
  return {
    certificate: difference.certificate || (await differs('cert.pem', 'key.pem', 'combined.pem')),
    trust: difference.trust || (await differs('ca.pem')),
    crl: difference.crl || (await differs('crl.pem')),
  };
}
