import { isClusterCaError } from '../errors.ts';
import { publicHalf } from '../placement/key-match.ts';
import type { Difference } from './change.ts';
import { findKey, newFiles, sameFiles, zeroKeys } from './new-files.ts';
import { type DirectoryState, timeOf } from './service-directory.ts';
import type { Task } from './task.ts';

/** What stands in the directory now, and what can be put back. */
export interface Placed {
  /** The generation that is current. */
  generation: string;
  /** The one before; undefined when nothing was there. */
  previous: string | undefined;
  /** SHA-256 of its certificate: what is to be served. */
  fingerprint: string;
  /** When it came. */
  since: Date;
}

/** Places what differs. Where an unfinished run has placed it already, nothing is left to be placed. */
export async function place(task: Task, difference: Difference, state: DirectoryState): Promise<Placed> {
  const { directory, context, material } = task;
  const since = new Date();
  if (!difference.certificate && !difference.trust && !difference.crl && state.current !== undefined) {
    const others = state.generations.filter((name) => name !== state.current);
    const previous = (await servedFrom(task, others)) ?? others[0];
    return {
      previous,
      generation: state.current,
      fingerprint: (await directory.fingerprint()) ?? material.fingerprint,
      since: timeOf(state.current) ?? since,
    };
  }
  const key = context.onlyCrl ? undefined : await findKey(task, state);
  const set = key === undefined ? await sameFiles(task, state) : await newFiles(task, key);
  try {
    const adopted = await directory.adopt(state, set.names);
    const before = await directory.look();
    const fallback = adopted === state.current ? before.generations[0] : adopted;
    const previous = (await servedFrom(task, before.generations)) ?? fallback;
    const generation = await directory.place(set.files, set.owner, before);
    const fingerprint = (await directory.fingerprint()) ?? material.fingerprint;
    return { previous, generation, fingerprint, since };
  } finally {
    zeroKeys(set);
  }
}

/**
 * Removes the generations that are not needed any more. What cannot be removed has failed nothing: the next run tries
 * again.
 * @param keep what is. The only copy of the key of the newest certificate is, too.
 */
export async function tidy(task: Task, keep: string): Promise<void> {
  try {
    await prune(task, keep);
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    task.context.warn(error.message);
  }
}

async function prune({ directory, material }: Task, keep: string): Promise<void> {
  const key = material.key();
  const holds = async (generation: string): Promise<boolean> => {
    const pem = await directory.read('key.pem', generation);
    const found = publicHalf(pem) === material.publicKey;
    pem?.fill(0);
    return found;
  };
  if (key !== undefined || (await holds(keep))) {
    key?.fill(0);
    return directory.prune(keep);
  }
  for (const generation of (await directory.look()).generations.toReversed())
    if (await holds(generation)) return directory.prune(keep, generation);
  return directory.prune(keep);
}

/** The oldest of these whose certificate is being served: the newer ones may never have been taken. */
async function servedFrom({ directory, opened }: Task, generations: readonly string[]): Promise<string | undefined> {
  const served = opened.flatMap(({ served: now }) => (now?.state === 'serves' ? [now.fingerprint] : []));
  for (const generation of generations) {
    const own = await directory.fingerprint(generation);
    if (own !== undefined && served.includes(own)) return generation;
  }
  return undefined;
}
