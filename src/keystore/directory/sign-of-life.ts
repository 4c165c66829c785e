import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isAlive } from './process-alive.ts';

// A file by which a process says that it lives: who it is, in JSON, and the time at which it was touched last.

/** How often it is touched, and for how long it may not be until its process counts as gone; milliseconds. */
export const BEAT = 2_000;
const SILENCE = 10_000;
/** One without a whole name in it was left by a process that died between making and writing it. */
const NAMELESS = 1_000;

/** What this process writes into such a file. */
export function ownSign(): string {
  return JSON.stringify({ host: hostname(), pid: process.pid, start: Math.round(performance.timeOrigin) });
}

/** Whether a file is there whose process is gone (on this host), or was silent for too long. */
export async function isAbandoned(path: string): Promise<boolean> {
  return (await lifeOf(path)) === 'gone';
}

/** Whether a file is there whose process is. */
export async function isLiving(path: string): Promise<boolean> {
  return (await lifeOf(path)) === 'there';
}

/** What cannot be read says nothing. */
async function lifeOf(path: string): Promise<'there' | 'gone' | undefined> {
  try {
    const silent = Date.now() - (await stat(path)).mtimeMs;
    if (silent > SILENCE) return 'gone';
    const holder = holderIn(await readFile(path, 'utf8'));
    if (holder === undefined) return silent > NAMELESS ? 'gone' : 'there';
    const { host, pid } = holder;
    return host === hostname() && typeof pid === 'number' && !isAlive(pid) ? 'gone' : 'there';
  } catch {
    return undefined;
  }
}

function holderIn(text: string): { host?: string; pid?: number } | undefined {
  try {
    return JSON.parse(text) as { host?: string; pid?: number };
  } catch {
    return undefined;
  }
}
