import type { ChildProcess } from 'node:child_process';

const SIGNALS = ['SIGTERM', 'SIGHUP'] as const;
const running = new Set<ChildProcess>();

/**
 * Ends a program with this process, however that ends but by SIGKILL: Ctrl-C stops what it has started, too.
 * @param child the leader of a process group of its own
 */
export function endWithUs(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (running.size === 0) {
    process.on('exit', endAll);
    for (const signal of SIGNALS) process.on(signal, die);
  }
  running.add(child);
  child.once('exit', () => {
    running.delete(child);
    if (running.size > 0) return;
    process.off('exit', endAll);
    for (const signal of SIGNALS) process.off(signal, die);
  });
}

/** Sends a signal to all of a program's process group. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function endAll(): void {
  for (const child of running) signalGroup(child, 'SIGTERM');
}

/** As the system would: a daemon that listens itself ends in its own way. */
function die(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  endAll();
  process.off(signal, die);
  process.kill(process.pid, signal);
}
