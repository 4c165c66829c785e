import { lstat } from 'node:fs/promises';
import { ClusterCaError } from '../../errors.ts';
import { errno, storageError } from './errors.ts';
import { DIRECTORIES, layout, PRIVATE } from './layout.ts';

/**
 * Refuses a keystore that is a symbolic link, is not ours, or gives group or world more than it was made for.
 * @param groupRead the keystore was made with --allow-group-read
 * @throws ClusterCaError ERR_KEYSTORE_PERMISSIONS
 */
export async function checkPermissions(root: string, groupRead: boolean): Promise<void> {
  const uid = process.geteuid?.();
  const check = async (path: string, open: boolean): Promise<void> => {
    let status: Awaited<ReturnType<typeof lstat>>;
    try {
      status = await lstat(path);
    } catch (error) {
      if (errno(error) === 'ENOENT') return;
      throw storageError(error, 'read', path);
    }
    const allowed = open && groupRead ? 0o750 : 0o700;
    if (status.isSymbolicLink())
      throw unsafe(`${path} is a symbolic link`, 'name the directory itself with --keystore');
    if (uid !== undefined && status.uid !== uid)
      throw unsafe(
        `${path} belongs to user ${status.uid}, not to ${uid}`,
        `run as its owner, or: chown -R ${uid} ${root}`,
      );
    if ((status.mode & 0o777 & ~allowed) !== 0)
      throw unsafe(
        `${path} is open to group or world (mode ${(status.mode & 0o777).toString(8)})`,
        `chmod -R ${groupRead ? 'g-w,o-rwx' : 'go-rwx'} ${root}; a medium that keeps no modes, such as FAT, is mounted with umask=077`,
      );
  };
  await check(root, true);
  for (const name of DIRECTORIES) await check(`${root}/${name}`, !PRIVATE.has(name));
  await check(layout.identity(root), true);
}

function unsafe(message: string, hint: string): ClusterCaError {
  return new ClusterCaError('ERR_KEYSTORE_PERMISSIONS', message, { hint });
}
