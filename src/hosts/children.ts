import type { ChildProcess } from 'node:child_process';

const SIGNALS = ['SIGTERM', 'SIGHUP'] as const;
const running = new Set<ChildProcess>();

/**
 * Starts a program that ends with this process, however that ends but by SIGKILL: Ctrl-C stops what it has started, too.
 * @param spawn starts it, as the leader of a process group of its own
 */
export function startWithUs(spawn: () => ChildProcess): ChildProcess {
  // Before it runs: a signal that comes while it is started would end this process alone.
  if (running.size === 0) listen();
  const child = spawn();
  if (child.pid === undefined) {
    if (running.size === 0) listenNoMore();
    return child;
  }
  running.add(child);
  child.once('exit', () => {
    running.delete(child);
    if (running.size === 0) listenNoMore();
  });
  return child;
}

function listen(): void {
  process.on('exit', endAll);
  for (const signal of SIGNALS) process.on(signal, die);
}

function listenNoMore(): void {
  process.off('exit', endAll);
  for (const signal of SIGNALS) process.off(signal, die);
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
