import { readFile, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ClusterCaError } from '../../errors.ts';
import { errno, storageError } from './errors.ts';
import { isAlive } from './process-alive.ts';

/** The holder says every 2 s that it lives; one silent for 10 s has lost its turn. */
const BEAT = 2_000;
const SILENCE = 10_000;
/** A lock without a whole name in it was left by a process that died between making and writing it. */
const NAMELESS = 1_000;

/**
 * Waits until the lock file is ours. A lock whose process is gone (same host), or whose holder has been silent, is
 * taken over. Two may come to hold it so; that costs them retries and nothing else.
 * @param wait milliseconds
 * @throws ClusterCaError ERR_KEYSTORE_BUSY
 */
export async function takeTurn(path: string, mode: number, wait: number): Promise<() => Promise<void>> {
  const mine = JSON.stringify({ host: hostname(), pid: process.pid, start: Math.round(performance.timeOrigin) });
  const deadline = performance.now() + wait;
  for (let pause = 5; !(await tryLock(path, mine, mode)); pause = Math.min(pause * 1.5, 100)) {
    if (await isStale(path)) {
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

async function isStale(path: string): Promise<boolean> {
  try {
    const silent = Date.now() - (await stat(path)).mtimeMs;
    if (silent > SILENCE) return true;
    const holder = holderIn(await readFile(path, 'utf8'));
    if (holder === undefined) return silent > NAMELESS;
    return holder.host === hostname() && typeof holder.pid === 'number' && !isAlive(holder.pid);
  } catch {
    return false;
  }
}

function holderIn(text: string): { host?: string; pid?: number } | undefined {
  try {
    return JSON.parse(text) as { host?: string; pid?: number };
  } catch {
    return undefined;
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
