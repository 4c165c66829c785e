import { existsSync, readFileSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterCaError } from '../errors.ts';
import { anchorDirectory } from '../keystore/anchor.ts';
import { makeDirectories } from '../keystore/directory/durable.ts';
import { storageError } from '../keystore/directory/errors.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, holderDirectory } from '../placement/place.ts';

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
    await makeDirectories(directory, 0o700);
    await chmod(directory, 0o700);
  } catch (error) {
    throw storageError(error, 'make', directory);
  }
  return directory;
}

/** Whether a key is kept there for a holder: its services do not have it yet. */
export function isStaged(directory: string | undefined, holder: Done['holder']): boolean {
  return directory !== undefined && existsSync(join(holderDirectory(directory, holder), FILES.key));
}

/** A holder whose services have all they should, and the public half of the key that they were given. */
export interface Done {
  holder: { kind: 'node' | 'client'; name: string; plane: string };
  publicKey: string;
}

/**
 * Removes the keys of holders whose services have them. A key of another run that its services do not have yet stays:
 * the caller holds the turn among the writers, so that none is committed meanwhile. The directories stay, empty: another run may
 * be about to write there. @throws ERR_STORAGE
 */
export async function clearStaging(
  directory: string | undefined,
  done: readonly Done[],
  currentKey: (holder: Done['holder']) => Promise<string | undefined>,
): Promise<void> {
  if (directory === undefined || !existsSync(directory)) return;
  for (const { holder, publicKey } of done) {
    const path = holderDirectory(directory, holder);
    const staged = halfOf(join(path, FILES.key));
    if (staged !== undefined && staged !== publicKey && staged === (await currentKey(holder))) continue;
    for (const name of Object.values(FILES))
      await rm(join(path, name), { force: true }).catch((error: unknown) => {
        throw storageError(error, 'remove the staged files of', path);
      });
  }
}

function halfOf(path: string): string | undefined {
  try {
    const pem = readFileSync(path);
    const half = publicHalf(pem);
    pem.fill(0);
    return half;
  } catch {
    return undefined;
  }
}
