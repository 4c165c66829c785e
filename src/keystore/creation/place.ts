import { readdir, stat } from 'node:fs/promises';
import { ClusterCaError } from '../../errors.ts';
import { errno, storageError } from '../directory/errors.ts';
import { isInside } from '../directory/inside.ts';
import { isPlacedBy, leftovers } from './leftovers.ts';
import { readIdentityAt } from './root-domain.ts';

/** Refuses a place that is taken: an empty directory is fine. @throws ERR_EXISTS */
export async function checkPlaceIsFree(location: string): Promise<void> {
  const names = await namesIn(location);
  if (names.includes('KEYSTORE') && !names.includes('log')) throw rootIsThere(location);
  if (names.includes('KEYSTORE'))
    throw new ClusterCaError('ERR_EXISTS', `there is a keystore at ${location} already`, {
      hint: `cluster-ca inspect ${location}/ shows it; name another place with --keystore DIR`,
    });
  if (names.length > 0)
    throw new ClusterCaError('ERR_EXISTS', `${location} is not empty`, {
      hint: 'name another place with --keystore DIR',
    });
}

/**
 * Refuses places that are taken. A root place that only a killed init of this place took is as good as free: `sweepPlaces`
 * clears it.
 * @throws ERR_EXISTS; ERR_USAGE when one is inside the other
 */
export async function checkPlacesAreFree(location: string, rootLocation: string | undefined): Promise<void> {
  await checkPlaceIsFree(location);
  if (rootLocation === undefined) return;
  checkPlacesAreApart(location, rootLocation);
  if ((await leftovers(location)).some((leftover) => isPlacedBy(leftover, rootLocation))) return;
  await checkPlaceIsFree(rootLocation);
}

/** Refuses a keystore and a root domain of which one would be inside the other, by whatever links. @throws ERR_USAGE */
export function checkPlacesAreApart(location: string, rootLocation: string): void {
  if (isInside(rootLocation, location) || isInside(location, rootLocation))
    throw new ClusterCaError('ERR_USAGE', 'the root keystore and the keystore cannot lie inside one another', {
      hint: 'name a place on a medium that can be taken away with --root-keystore DIR',
    });
}

async function namesIn(location: string): Promise<string[]> {
  try {
    const status = await stat(location);
    if (!status.isDirectory()) throw new ClusterCaError('ERR_EXISTS', `${location} is there and is not a directory`);
    return await readdir(location);
  } catch (error) {
    if (errno(error) === 'ENOENT') return [];
    throw storageError(error, 'read', location);
  }
}

function rootIsThere(location: string): ClusterCaError {
  const id = readIdentityAt(location)?.id ?? 'unknown';
  return new ClusterCaError('ERR_EXISTS', `the root keys of keystore ${id} are at ${location} already`, {
    hint: `name another place with --root-keystore DIR; remove ${location} only when no keystore with that id is left (cluster-ca inspect DIR/ shows it)`,
    details: { location, keystoreId: id },
  });
}
