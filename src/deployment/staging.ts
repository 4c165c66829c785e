import { existsSync } from 'node:fs';
import { chmod, mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import { anchorDirectory } from '../keystore/anchor.ts';
import { storageError } from '../keystore/directory/errors.ts';
import { holderDirectory } from '../placement/place.ts';

/**
 * Where `rotate --deploy` keeps new keys until their services have them: `$XDG_STATE_HOME/cluster-ca/deploying/ID`. A run
 * that is killed loses no key, the next one finds it.
 */
export function stagingDirectory(env: Record<string, string | undefined>, keystoreId: string): string | undefined {
  const anchors = anchorDirectory(env);
  return anchors === undefined ? undefined : join(dirname(anchors), 'deploying', keystoreId);
}

/** Makes it, for this user alone. @throws ERR_STORAGE; ERR_USAGE when there is no home */
export async function makeStaging(directory: string | undefined): Promise<string> {
  if (directory === undefined)
    throw new ClusterCaError(
      'ERR_USAGE',
      'there is no home directory to keep the new keys in until they are deployed',
      {
        hint: 'set HOME or XDG_STATE_HOME, or say --out DIR',
      },
    );
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  } catch (error) {
    throw storageError(error, 'make', directory);
  }
  return directory;
}

/** Removes the keys of holders whose services have them. */
export async function clearStaging(
  directory: string | undefined,
  holders: readonly { kind: string; name: string; plane: string }[],
): Promise<void> {
  if (directory === undefined || !existsSync(directory)) return;
  for (const holder of holders) {
    const path = holderDirectory(directory, holder);
    await rm(path, { recursive: true, force: true });
    // The node's own directory, once nothing else of it is waiting.
    await rmdir(dirname(path)).catch(() => {});
  }
}
