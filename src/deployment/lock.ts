import { hostname } from 'node:os';
import { join } from 'node:path/posix';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { isAlive } from '../keystore/directory/process-alive.ts';
import { actor } from '../keystore/writer.ts';
import { safeText } from '../ui/text/safe.ts';

const NAME = '.cluster-ca.deploying';
/** A run for one directory that has not ended in this time has been killed on a host where we cannot look. */
const LONGEST = 30 * 60_000;

/** Who works in a directory. */
interface Claim {
  actor: string;
  host: string;
  pid: number;
  /** Milliseconds since 1970. */
  since: number;
}

/**
 * Takes a service's directory for this run: two operators deploying there at once would put each other's files back.
 * The claim of a process that is gone is taken over.
 * @param wait milliseconds
 * @returns what gives it back
 * @throws ERR_KEYSTORE_BUSY when another run still has it
 */
export async function takeDirectory(host: Host, directory: string, wait: number): Promise<() => Promise<void>> {
  const path = join(directory, NAME);
  const mine: Claim = { actor: actor(), host: hostname(), pid: process.pid, since: Date.now() };
  const deadline = Date.now() + wait;
  for (;;) {
    if (await host.claim(path, `${JSON.stringify(mine)}\n`)) return () => host.remove(path);
    let other = read(await host.read(path));
    if (other === undefined) {
      // It may be about to be written.
      await sleep(500);
      other = read(await host.read(path));
    }
    if (other === undefined || isOver(other)) {
      await host.remove(path);
      continue;
    }
    if (Date.now() >= deadline)
      throw new ClusterCaError(
        'ERR_KEYSTORE_BUSY',
        `${safeText(other.actor)} (process ${other.pid}) is deploying to ${directory} on ${host.label} since ${new Date(other.since).toISOString()}`,
        { hint: `wait for it, with --wait; if it was killed there, remove ${path}` },
      );
    await sleep(200);
  }
}

function isOver({ host, pid, since }: Claim): boolean {
  if (Date.now() - since > LONGEST) return true;
  return host === hostname() && (!isAlive(pid) || pid === process.pid);
}

/** Undefined for what a killed process has half written. */
function read(content: Uint8Array | undefined): Claim | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(content)) as Partial<Claim>;
    const { actor: who, host, pid, since } = value;
    return typeof who === 'string' && typeof host === 'string' && typeof pid === 'number' && typeof since === 'number'
      ? { actor: who, host, pid, since }
      : undefined;
  } catch {
    return undefined;
  }
}
