import { isClusterCaError } from '../errors.ts';
import { decodePem } from '../pki/pem.ts';
import { publicHalf } from '../placement/key-match.ts';
import type { Difference } from './change.ts';
import { findKey, newFiles, sameFiles, zeroKeys } from './new-files.ts';
import { type DirectoryState, isOurs, NAMES, timeOf } from './service-directory.ts';
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
  for (const name of NAMES)
    if (isOurs(state, name) && !set.names.includes(name))
      context.warn(`${task.unit.dir}/${name} goes away: no service in the inventory reads one there`);
  try {
    const adopted = await directory.adopt(state, set.names);
    if (context.aside && difference.certificate && (await isAnothers(task))) await directory.keepAside();
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

/** Whether the certificate that stands there is of a CA that is not ours, and goes. */
async function isAnothers({ directory, context }: Task): Promise<boolean> {
  const pem = await directory.read('cert.pem');
  const leaf = decodePem(pem ?? '').find(({ label }) => label === 'CERTIFICATE');
  return leaf !== undefined && (await context.judge.endOfOurs(leaf.bytes)) === undefined;
}

/**
 * Removes the generations that are not needed any more, where the current one is confirmed. What cannot be removed has
 * failed nothing: the next run tries again.
 * @param keep the current one. The only copy of the key of the newest certificate stays, too.
 */
export async function tidy(task: Task, keep: string): Promise<void> {
  await orWarn(task, async () => {
    const { generations } = await task.directory.look();
    const others = generations.filter((name) => name !== keep).toReversed();
    const only = (await isKeyKept(task, [keep])) ? undefined : await holderOfKey(task, others);
    await task.directory.prune([keep, ...(only === undefined ? [] : [only])], task.context.aside ?? false);
  });
}

/** Removes a generation that was not taken, unless it has the only copy of the key of the newest certificate. */
export async function discard(task: Task, generation: string): Promise<void> {
  await orWarn(task, async () => {
    const { generations } = await task.directory.look();
    const others = generations.filter((name) => name !== generation);
    if (await isKeyKept(task, others)) await task.directory.prune(others, task.context.aside ?? false);
  });
}

/** Whether the newest certificate's key is where the operator keeps keys, or in one of these generations. */
async function isKeyKept(task: Task, generations: readonly string[]): Promise<boolean> {
  const key = task.material.key();
  key?.fill(0);
  return key !== undefined || (await holderOfKey(task, generations)) !== undefined;
}

async function holderOfKey({ directory, material }: Task, generations: readonly string[]): Promise<string | undefined> {
  for (const generation of generations) {
    const key = await directory.read('key.pem', generation);
    const isIt = publicHalf(key) === material.publicKey;
    key?.fill(0);
    if (isIt) return generation;
  }
  return undefined;
}

async function orWarn({ context }: Task, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    context.warn(error.message);
  }
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
