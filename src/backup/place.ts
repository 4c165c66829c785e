import { existsSync } from 'node:fs';
import { sep } from 'node:path';
import { ClusterCaError } from '../errors.ts';

/** Refuses a place where a backup would be of no use, or in the way. @throws ERR_USAGE, ERR_EXISTS */
export function checkBackupPlace(path: string, keystoreLocation: string): void {
  if (path.startsWith(keystoreLocation + sep))
    throw new ClusterCaError('ERR_USAGE', 'a backup inside the keystore is lost with it', {
      hint: 'name another place',
    });
  if (existsSync(path))
    throw new ClusterCaError('ERR_EXISTS', `${path} is there already`, {
      hint: 'name another file: backups are not overwritten',
    });
}
