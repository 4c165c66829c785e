import { lstatSync } from 'node:fs';
import { ClusterCaError } from '../errors.ts';
import { isInside } from '../keystore/directory/inside.ts';
import type { ResultFile } from '../placement/result-file.ts';

/**
 * Refuses a place where a backup would be of no use, or in the way.
 * @param rootLocation where the root domain is kept, when that is elsewhere and at hand
 * @throws ERR_USAGE, ERR_EXISTS
 */
export function checkBackupPlace(path: string, keystoreLocation: string, rootLocation: string | undefined): void {
  if (isInside(path, keystoreLocation))
    throw new ClusterCaError('ERR_USAGE', 'a backup inside the keystore is lost with it', {
      hint: 'name another place',
    });
  if (rootLocation !== undefined && isInside(path, rootLocation))
    throw new ClusterCaError('ERR_USAGE', 'a backup inside the root keystore is lost with it', {
      hint: 'name another place',
    });
  checkIsNew(path);
}

/** Refuses a place that is taken; asked again in the turn, where another backup may just have been made. @throws ERR_EXISTS */
export function checkIsNew(path: string): void {
  if (isTaken(path))
    throw new ClusterCaError('ERR_EXISTS', `${path} is there already`, {
      hint: 'name another file: backups are not overwritten',
    });
}

/** Whether there is anything, a link that leads nowhere too. */
function isTaken(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Gives a backup that is whole, and in the log, its name.
 * @throws ERR_EXISTS when something took the name in that moment: the backup is gone then, whatever the log says
 */
export async function placeBackup(file: ResultFile): Promise<void> {
  if (await file.finishNew()) return;
  await file.abandon();
  throw new ClusterCaError(
    'ERR_EXISTS',
    `something else came to be at ${file.path} just now, and is not overwritten: the backup that the log has a record of is not kept`,
    { hint: 'make another: cluster-ca keystore backup --out FILE' },
  );
}
