import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { askHaProxy } from './haproxy-socket.ts';
import { lookAtWorker, lookAtWorkers, type Views, type Workers } from './haproxy-workers.ts';
import { noProcess, readPid } from './processes.ts';
import { runCommand } from './run-command.ts';

export interface ReloadOptions extends Views {
  command?: readonly string[] | undefined;
}

const PAUSE = 50;
/** A worker without connections is gone within this time. */
const LEAVING = 500;

/** Whether there is a way to reload at all. */
export function canReload({ command, masterSocket, pidFile }: ReloadOptions): boolean {
  return command !== undefined || masterSocket !== undefined || pidFile !== undefined;
}

/**
 * Makes HAProxy read its configuration and files again and waits until a new worker has taken over, as far as that can
 * be seen. A reload of bad files leaves the old worker, which goes on.
 * @param timeout milliseconds
 * @returns true when an old worker is seen to go on, and its connections cannot be asked for
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function reloadHaProxy(
  host: Host,
  options: ReloadOptions,
  label: string,
  timeout: number,
): Promise<boolean> {
  const { masterSocket } = options;
  const before = await lookAtWorkers(host, options, timeout);
  await trigger(host, options, label, timeout);
  if (before === undefined) return false;
  const after = await newWorkers(host, options, label, timeout, before);
  if (masterSocket === undefined) return oldOnesStay(host, before.current);
  await oldOnesStopped(host, masterSocket, [...before.current, ...after.old], timeout);
  return false;
}

async function trigger(host: Host, options: ReloadOptions, label: string, timeout: number): Promise<void> {
  const { command, masterSocket, pidFile } = options;
  if (command !== undefined) {
    await runCommand(host, command, timeout);
  } else if (masterSocket !== undefined) {
    await askHaProxy(host, masterSocket, 'reload', timeout);
  } else if (pidFile !== undefined) {
    const master = await readPid(host, pidFile);
    if (master === undefined) throw noProcess(label, pidFile);
    await host.signal(master, 'SIGUSR2');
  } else {
    throw new ClusterCaError('ERR_REMOTE', `${label} is to be reloaded, and the inventory does not say how`, {
      hint: 'say it in the inventory: reload: { masterSocket: PATH }, { pidFile: PATH } or { command: [PROGRAM, …] }',
    });
  }
}

async function newWorkers(
  host: Host,
  options: ReloadOptions,
  label: string,
  timeout: number,
  before: Workers,
): Promise<Workers> {
  const deadline = Date.now() + timeout;
  const hint = 'its log says why; the old worker goes on with what it has';
  for (;;) {
    await sleep(PAUSE);
    const now = await lookAtWorkers(host, options, timeout);
    if (now !== undefined) {
      const [first] = now.current.filter((pid) => !before.current.includes(pid));
      if (first !== undefined) return now;
      if (now.failed > before.failed)
        throw new ClusterCaError('ERR_REMOTE', `${label} could not be reloaded with these files`, { hint });
    }
    if (Date.now() > deadline)
      throw new ClusterCaError('ERR_TIMEOUT', `${label} has no new worker ${timeout / 1000} s after its reload`, {
        hint,
      });
  }
}

/** For some milliseconds the old worker takes connections too. */
async function oldOnesStopped(host: Host, masterSocket: string, pids: readonly number[], timeout: number) {
  const deadline = Date.now() + timeout;
  for (const pid of pids)
    while (Date.now() < deadline) {
      const seen = await lookAtWorker(host, masterSocket, pid, timeout);
      if (seen === undefined || seen.stopping) break;
      await sleep(PAUSE);
    }
}

async function oldOnesStay(host: Host, pids: readonly number[]): Promise<boolean> {
  const deadline = Date.now() + LEAVING;
  for (;;) {
    const alive = await Promise.all(pids.map((pid) => host.isAlive(pid)));
    if (!alive.includes(true)) return false;
    if (Date.now() > deadline) return true;
    await sleep(PAUSE);
  }
}
