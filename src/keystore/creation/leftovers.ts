import { lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { syncDirectory, writeNew } from '../directory/durable.ts';
import { storageError } from '../directory/errors.ts';
import { layout } from '../directory/layout.ts';
import { isAlive } from '../directory/process-alive.ts';
import { isRootDomain, readIdentityAt } from './root-domain.ts';

// What is being made beside a place, and what a killed process left there.
//
// A keystore whose root domain is elsewhere appears by two renames: the root's, then its own. Between them the root's
// place is taken by keys that nothing uses yet. So the keystore being made says, durably and before the first rename,
// where its root goes. Whoever finds it later without its process knows that these root keys are no keystore's: the
// only keystore with that id is the one that never came to its place.

const DAY = 86_400_000;
const ROOT_PLACE = 'root-place';

export interface Leftover {
  /** The directory that was being made. */
  path: string;
  /** Where its root domain went, or was about to go. */
  root: string | undefined;
}

function prefixOf(location: string): string {
  return `.cluster-ca.${basename(location)}.`;
}

/** The name under which this process makes what will stand at a place. */
export function temporaryFor(location: string): string {
  const name = `${prefixOf(location)}${hostname()}.${process.pid}.${Math.round(performance.timeOrigin)}`;
  return join(dirname(location), name);
}

/**
 * Notes inside the keystore being made where its root domain goes, durably with all that leads to the note. To be called
 * before the root is renamed there.
 */
export async function noteRootPlace(temporary: string, root: string): Promise<void> {
  const path = layout.temporary(temporary, ROOT_PLACE);
  try {
    await writeNew(path, new TextEncoder().encode(root), 0o600);
    for (const directory of [dirname(path), temporary, dirname(temporary)]) await syncDirectory(directory);
  } catch (error) {
    throw storageError(error, 'write', path);
  }
}

/** Takes the note away, once both are in place. */
export async function forgetRootPlace(location: string): Promise<void> {
  await rm(layout.temporary(location, ROOT_PLACE), { force: true }).catch(() => {});
}

/** What killed processes left beside a place: of this host when their process is gone, of any when a day old. */
export async function leftovers(location: string): Promise<Leftover[]> {
  const [parent, prefix] = [dirname(location), prefixOf(location)];
  const found: Leftover[] = [];
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const path = join(parent, name);
    const match = /^(.*)\.(\d+)\.\d+$/.exec(name.slice(prefix.length));
    const gone = match !== null && match[1] === hostname() && !isAlive(Number(match[2]));
    if (gone || (await age(path)) > DAY)
      found.push({ path, root: await readFile(layout.temporary(path, ROOT_PLACE), 'utf8').catch(() => undefined) });
  }
  return found;
}

/** Whether the root domain at a place was put there by a process that was killed before its keystore appeared. */
export function isPlacedBy({ path, root }: Leftover, place: string): boolean {
  if (root === undefined) return false;
  const [made, there] = [readIdentityAt(path), readIdentityAt(place)];
  if (made === undefined || there === undefined || made.id !== there.id) return false;
  return isRootDomain(place);
}

/**
 * Removes what killed processes left beside the places of a keystore and of its root domain, and the root domain that
 * one of them had put into its place.
 * @throws ERR_STORAGE
 */
export async function sweepPlaces(location: string, rootLocation: string | undefined): Promise<void> {
  const roots = rootLocation === undefined ? [] : [rootLocation];
  try {
    for (const place of [location, ...roots]) await sweep(place, roots);
  } catch (error) {
    throw storageError(error, 'clear what a killed process left beside', location);
  }
}

async function sweep(location: string, roots: readonly string[]): Promise<void> {
  for (const leftover of await leftovers(location)) {
    // Out of reach of a process that only slept: it must not bring the keystore to its place without its root.
    const taken = temporaryFor(location);
    const moved = await rename(leftover.path, taken).then(
      () => true,
      () => false,
    );
    if (!moved) continue;
    await syncDirectory(dirname(taken));
    for (const place of new Set([...roots, ...(leftover.root === undefined ? [] : [leftover.root])]))
      if (isPlacedBy({ ...leftover, path: taken }, place)) await removeWhole(place);
    await rm(taken, { recursive: true, force: true });
  }
}

/** Removes a directory so that it is never there in part: first its name, then the rest. */
export async function removeWhole(path: string): Promise<void> {
  const temporary = temporaryFor(path);
  await rename(path, temporary);
  await syncDirectory(dirname(path));
  await rm(temporary, { recursive: true, force: true });
}

async function age(path: string): Promise<number> {
  return lstat(path).then(
    (status) => Date.now() - status.mtimeMs,
    () => 0,
  );
}
