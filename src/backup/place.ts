import { existsSync } from 'node:fs';
import { sep } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import type { ResultFile } from '../placement/result-file.ts';

/** Refuses a place where a backup would be of no use, or in the way. @throws ERR_USAGE, ERR_EXISTS */
export function checkBackupPlace(path: string, keystoreLocation: string): void {
  if (path.startsWith(keystoreLocation + sep))
    throw new ClusterCaError('ERR_USAGE', 'a backup inside the keystore is lost with it', {
      hint: 'name another place',
    });
  checkIsNew(path);
}

/** Refuses a place that is taken; asked again in the turn, where another backup may just have been made. @throws ERR_EXISTS */
export function checkIsNew(path: string): void {
  if (existsSync(path))
    throw new ClusterCaError('ERR_EXISTS', `${path} is there already`, {
      hint: 'name another file: backups are not overwritten',
    });
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
