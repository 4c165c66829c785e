import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';

/** The number in a pid file; undefined when there is none, or no process of that number. */
export async function readPid(host: Host, pidFile: string): Promise<number | undefined> {
  const content = await host.read(pidFile);
  const pid = Number(new TextDecoder().decode(content).trim().split(/\s/)[0]);
  if (!Number.isInteger(pid) || pid < 1 || pid > 2 ** 31) return undefined;
  return (await host.isAlive(pid)) ? pid : undefined;
}

/** The processes that a process has started, on Linux; undefined where the system does not tell. */
export async function childrenOf(host: Host, pid: number): Promise<number[] | undefined> {
  const content = await host.read(`/proc/${pid}/task/${pid}/children`).catch(() => undefined);
  if (content === undefined) return undefined;
  return (new TextDecoder().decode(content).match(/\d+/g) ?? []).map(Number);
}

/** The command line of a process, as it calls itself; '' when it is gone. */
export async function titleOf(host: Host, pid: number): Promise<string> {
  const content = await host.read(`/proc/${pid}/cmdline`).catch(() => undefined);
  return new TextDecoder().decode(content).replaceAll('\0', ' ').trim();
}

/** A pid file names no process that is there. */
export function noProcess(label: string, pidFile: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', `${label}: ${pidFile} names no process that runs`, {
    hint: 'is it running, and is that its pid file?',
  });
}
