import type { Host } from '../hosts/host.ts';
import { askHaProxy } from './haproxy-socket.ts';
import { childrenOf, readPid } from './processes.ts';

/** How the processes of HAProxy can be looked at. Each is enough; the first that is there is used. */
export interface Views {
  masterSocket?: string | undefined;
  pidFile?: string | undefined;
  socket?: string | undefined;
}

/** The processes that serve. */
export interface Workers {
  /** Those that take new connections. */
  current: number[];
  /** Those that a reload has left with their old connections, where that is known. */
  old: number[];
  /** How many reloads in a row have failed, where that is known. */
  failed: number;
}

/**
 * The workers of HAProxy.
 * @returns undefined when there is no way to see them now: at a reload the master does not answer for a moment
 */
export async function lookAtWorkers(host: Host, views: Views, timeout: number): Promise<Workers | undefined> {
  const { masterSocket, pidFile, socket } = views;
  try {
    if (masterSocket !== undefined) return readProcesses(await askHaProxy(host, masterSocket, 'show proc', timeout));
    if (socket !== undefined) return onlyPid(await askHaProxy(host, socket, 'show info', timeout));
    const master = pidFile === undefined ? undefined : await readPid(host, pidFile);
    const children = master === undefined ? undefined : await childrenOf(host, master);
    return children === undefined ? undefined : { current: children, old: [], failed: 0 };
  } catch {
    return undefined;
  }
}

/** Connections that a process holds, and whether it has stopped to take new ones; undefined when it is gone. */
export async function lookAtWorker(
  host: Host,
  masterSocket: string,
  pid: number,
  timeout: number,
): Promise<{ connections: number; stopping: boolean } | undefined> {
  const info = await askHaProxy(host, masterSocket, `@!${pid} show info`, timeout).catch(() => '');
  const of = (name: string): string | undefined => new RegExp(`^${name}: (\\d+)$`, 'm').exec(info)?.[1];
  if (of('Pid') !== String(pid)) return undefined;
  return { connections: Number(of('CurrConns')), stopping: of('Stopping') === '1' };
}

/** `show proc`: a line each, in sections. */
function readProcesses(answer: string): Workers | undefined {
  if (!answer.includes('master')) return undefined;
  const workers: Workers = { current: [], old: [], failed: Number(/\[failed: (\d+)\]/.exec(answer)?.[1] ?? 0) };
  let section = workers.current;
  for (const line of answer.split('\n')) {
    if (/^# old workers/.test(line)) section = workers.old;
    else if (/^# programs/.test(line)) break;
    const pid = /^(\d+)\s+worker\s/.exec(line)?.[1];
    if (pid !== undefined) section.push(Number(pid));
  }
  return workers;
}

function onlyPid(info: string): Workers | undefined {
  const pid = /^Pid: (\d+)$/m.exec(info)?.[1];
  return pid === undefined ? undefined : { current: [Number(pid)], old: [], failed: 0 };
}
