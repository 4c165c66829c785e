import { dirname } from 'node:path/posix';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { safeText } from '../ui/text/safe.ts';

/** A server, as its postmaster.pid says. */
export interface Postmaster {
  pid: number;
  dataDirectory: string;
}

/**
 * Reads a postmaster.pid, and whether that process is there and is a PostgreSQL: SIGHUP ends most others.
 * @throws ERR_REMOTE, ERR_STORAGE
 */
export async function readPostmaster(host: Host, pidFile: string): Promise<Postmaster> {
  const content = await host.read(pidFile);
  if (content === undefined) throw bad(`${pidFile} is not there on ${host.label}`, 'is the server running?');
  const [first = '', second = ''] = new TextDecoder().decode(content.subarray(0, 4096)).split(/\r?\n/);
  const pid = Number(first.trim());
  if (!/^\s*[1-9]\d{0,9}\s*$/.test(first)) throw bad(`${pidFile} does not begin with a process number`, HINT);
  if (!(await host.isAlive(pid)))
    throw bad(`${pidFile} is stale: there is no process ${pid}`, 'is the server running, and is that its file?');
  const name = await nameOf(host, pid);
  if (name === undefined) throw bad(`it cannot be seen what process ${pid} of ${pidFile} is`, HINT);
  if (!/postgres|postmaster/i.test(name))
    throw bad(`${pidFile} is stale: process ${pid} is ${safeText(name)} by now, and no PostgreSQL`, HINT);
  // An external_pid_file has the number alone.
  return { pid, dataDirectory: second.startsWith('/') ? second : dirname(pidFile) };
}

const HINT = 'pidFile wants the postmaster.pid in the data directory of the server';

/** The program of a process: from /proc, or by ps where there is none. */
async function nameOf(host: Host, pid: number): Promise<string | undefined> {
  const comm = await host.read(`/proc/${pid}/comm`).catch(() => undefined);
  if (comm !== undefined) return new TextDecoder().decode(comm).trim();
  const { code, stdout } = await host.run(['ps', '-o', 'comm=', '-p', String(pid)], { timeout: 10_000 });
  return code === 0 && stdout.trim() !== '' ? stdout.trim() : undefined;
}

function bad(message: string, hint: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint });
}
