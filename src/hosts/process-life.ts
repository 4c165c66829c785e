import { readFileSync } from 'node:fs';

/** What tells a process of this host from an earlier one of the same number; numbers are used again. */
export interface Life {
  /** Of the running system: another one after each start of the machine. */
  boot: string;
  /** When the process began, in clock ticks since the system did (proc(5), stat field 22). */
  start: number;
}

/** The life of a process; undefined when it is gone, or where the system does not tell (no Linux). */
export function lifeOf(pid: number): Life | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, parentheses too; behind it field 3 is the first.
    const start = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    return boot === '' || !Number.isSafeInteger(start) ? undefined : { boot, start };
  } catch {
    return undefined;
  }
}
