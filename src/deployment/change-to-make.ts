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
  { generations, current }: DirectoryState,
): Promise<Change | undefined> {
  const { certificate, trust, crl } = difference;
  // An older generation is there for as long as the newer one is not confirmed.
  const unfinished = current !== undefined && generations.some((name) => name !== current);
  if (task.context.onlyCrl) return crl || unfinished ? { certificate: false, trust: false, crl: true } : undefined;
  if (unfinished) return sinceOlder(task, difference, { generations, current });
  if (certificate || trust || crl) return { certificate, trust, crl };
  const stale = task.opened.some(
    ({ served, deployable }) =>
      deployable.service.kind !== 'files' &&
      (served?.state === 'broken' || (served?.state === 'serves' && served.fingerprint !== task.material.fingerprint)),
  );
  return stale ? { certificate: true, trust: true, crl: true } : undefined;
}

/**
 * What unfinished runs may not have made known yet: what differs from a generation before, and from what is wanted. Of
 * several, any may be what the services have in use.
 */
async function sinceOlder(
  task: Task,
  difference: Difference,
  { generations, current }: { generations: string[]; current: string | undefined },
): Promise<Change> {
  const older = generations.filter((name) => name !== current);
  const differs = async (...names: Name[]): Promise<boolean> => {
    for (const generation of older)
      for (const name of names) {
        const [now, before] = [await task.directory.read(name), await task.directory.read(name, generation)];
        const same = now === undefined || before === undefined ? now === before : equalBytes(now, before);
        if (name === 'key.pem' || name === 'combined.pem') for (const key of [now, before]) key?.fill(0);
        if (!same) return true;
      }
    return false;
  };
  return {
    certificate: difference.certificate || (await differs('cert.pem', 'key.pem', 'combined.pem')),
    trust: difference.trust || (await differs('ca.pem')),
    crl: difference.crl || (await differs('crl.pem')),
  };
}
