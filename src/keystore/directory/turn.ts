import { readFile, unlink, utimes, writeFile } from 'node:fs/promises';
import { ClusterCaError } from '../../errors.ts';
import { errno, storageError } from './errors.ts';
import { BEAT, isAbandoned, ownSign } from './sign-of-life.ts';

/**
 * Waits until the lock file is ours. A lock whose process is gone (same host), or whose holder has been silent, is
 * taken over. Two may come to hold it so; that costs them retries and nothing else.
 * @param wait milliseconds
 * @throws ClusterCaError ERR_KEYSTORE_BUSY
 */
export async function takeTurn(path: string, mode: number, wait: number): Promise<() => Promise<void>> {
  const mine = ownSign();
  const deadline = performance.now() + wait;
  for (let pause = 5; !(await tryLock(path, mine, mode)); pause = Math.min(pause * 1.5, 100)) {
    if (await isAbandoned(path)) {
      await unlink(path).catch(() => {});
      continue;
    }
    const left = deadline - performance.now();
    if (left <= 0) throw busy(path, await readFile(path, 'utf8').catch(() => ''));
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, pause * (0.5 + jitter()))));
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), BEAT);
  beat.unref();
  return async () => {
    clearInterval(beat);
    if ((await readFile(path, 'utf8').catch(() => '')) === mine) await unlink(path).catch(() => {});
  };
}

async function tryLock(path: string, mine: string, mode: number): Promise<boolean> {
  try {
    await writeFile(path, mine, { flag: 'wx', mode });
    return true;
  } catch (error) {
    if (errno(error) === 'EEXIST') return false;
    // A full disk must not stop a revocation: without a lock there are only more retries.
    if (errno(error) === 'ENOSPC' || errno(error) === 'EDQUOT') return true;
    throw storageError(error, 'write', path);
  }
}

function busy(path: string, holder: string): ClusterCaError {
  const match = /"host":"([\w.-]+)","pid":(\d+)/.exec(holder);
  const who = match === null ? '' : ` (process ${match[2]} on ${match[1]})`;
  return new ClusterCaError('ERR_KEYSTORE_BUSY', `the keystore is being written by somebody else${who}`, {
    hint: `wait longer with --wait 2m; if that process is gone, remove ${path}`,
  });
}

function jitter(): number {
  return (performance.now() * 1000) % 1;
}
