import { hostname } from 'node:os';
import { isAlive } from '../keystore/directory/process-alive.ts';

/** What every temporary file begins with. */
export const TEMPORARY = '.cluster-ca.';

/** The file in `--out` that holds a batch's private keys until its files are in place; batches are counted from 0. */
export function stagedKeys(batch: number): string {
  return batch === 0 ? 'keys.tar' : `keys.${batch}.tar`;
}

/** Whether a final name is one of those. */
export function isStagedKeys(final: string): boolean {
  return /^keys(\.\d+)?\.tar$/.test(final);
}

const START = Math.round(performance.timeOrigin);
const FORM = /^\.cluster-ca\.(.*)\.(\d+)\.(\d{12,})\.([^/]+)$/;

/** The temporary name of a file to be: host, pid and start time say whose it is. */
export function temporaryName(final: string): string {
  return `${TEMPORARY}${hostname()}.${process.pid}.${START}.${final}`;
}

/** A temporary file found: which file it was to become, and whether its process is gone. */
export interface Leftover {
  name: string;
  final: string;
  /** Its process is gone. On another host that cannot be told: then only its age counts. */
  gone: boolean;
  mine: boolean;
}

/** Reads a temporary name; undefined for any other. */
export function parseTemporaryName(name: string): Leftover | undefined {
  const match = FORM.exec(name);
  if (match === null) return undefined;
  const [, host, pid, start, final] = match as unknown as [string, string, string, string, string];
  const here = host === hostname();
  const mine = here && Number(pid) === process.pid && Number(start) === START;
  // A process that began after this file's with the same number is another one: numbers are used again.
  const gone = here && !mine && (!isAlive(Number(pid)) || Number(pid) === process.pid);
  return { name, final, gone, mine };
}
