import { hostname } from 'node:os';
import { join } from 'node:path/posix';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes, sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { type Life, lifeOf } from '../hosts/process-life.ts';
import { isAlive } from '../keystore/directory/process-alive.ts';
import { actor } from '../keystore/writer.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import { safeText } from '../ui/text/safe.ts';

const NAME = '.cluster-ca.deploying';
/** A run for one directory that has not ended in this time has been killed on a host where we cannot look. */
const LONGEST = 30 * 60_000;
/** Between the making of a claim and its content, at most. */
const WRITING = 500;
const PAUSE = 200;

/** The claims of this process that it has not given back. */
const held = new Set<string>();

/** Who works in a directory. */
interface Claim extends Partial<Life> {
  /** Of that claim alone. */
  id?: string;
  actor: string;
  host: string;
  pid: number;
  /** Milliseconds since 1970. */
  since: number;
}

/** A claim as it stands there. */
interface Found {
  bytes: Uint8Array;
  /** Undefined for what a killed process has half written. */
  claim: Claim | undefined;
}

/**
 * Takes a service's directory for this run: two operators deploying there at once would put each other's files back.
 * The claim of a process that is gone is taken over, by one of those who want it.
 * @param wait milliseconds
 * @returns what gives it back
 * @throws ERR_KEYSTORE_BUSY, with `busy` among its details, when another run still has it
 */
export async function takeDirectory(host: Host, directory: string, wait: number): Promise<() => Promise<void>> {
  const path = join(directory, NAME);
  const mine = claimOf();
  const deadline = Date.now() + wait;
  held.add(mine);
  try {
    for (;;) {
      if (await host.claim(path, mine)) return () => giveBack(host, path, mine);
      const other = await find(host, path);
      if (other === undefined) continue;
      if (isOver(other)) {
        await takeOver(host, path, other, mine);
        continue;
      }
      if (Date.now() >= deadline) throw busy(other.claim as Claim, { host, directory, path });
      await sleep(PAUSE);
    }
  } catch (error) {
    held.delete(mine);
    throw error;
  }
}

/**
 * Removes a claim whose process is gone. Whoever makes the file beside it, which is named after that claim, may; without
 * it, two who had read the same claim would remove each other's next.
 */
async function takeOver(host: Host, path: string, other: Found, mine: string): Promise<void> {
  const right = `${path}.${sha256Hex(other.bytes).slice(0, 16)}`;
  if (await host.claim(right, mine)) {
    try {
      const now = await host.read(path);
      if (now !== undefined && equalBytes(now, other.bytes)) await host.remove(path);
    } finally {
      await host.remove(right);
    }
    return;
  }
  const rival = await find(host, right);
  if (rival !== undefined && isOver(rival)) await host.remove(right);
  else await sleep(PAUSE);
}

/** Ours alone: it may have been taken over by who thought that we were gone. */
async function giveBack(host: Host, path: string, mine: string): Promise<void> {
  try {
    const there = await host.read(path);
    if (there !== undefined && new TextDecoder().decode(there) === mine) await host.remove(path);
  } finally {
    // Where it could not be removed it is not in the way of this process, which goes on.
    held.delete(mine);
  }
}

async function find(host: Host, path: string): Promise<Found | undefined> {
  let bytes = await host.read(path);
  let claim = parse(bytes);
  if (bytes !== undefined && claim === undefined) {
    // It may be about to be written.
    await sleep(WRITING);
    bytes = await host.read(path);
    claim = parse(bytes);
  }
  return bytes === undefined ? undefined : { bytes, claim };
}

function claimOf(): string {
  const id = toHex(randomBytes(8));
  const who = { id, actor: actor(), host: hostname(), pid: process.pid };
  return `${JSON.stringify({ ...who, since: Date.now(), ...lifeOf(process.pid) } satisfies Claim)}\n`;
}

/**
 * On this host the process itself can be looked for. A number is used again: what has it must have begun when that did.
 * What is our own and given back stands there because it could not be removed.
 */
function isOver({ bytes, claim }: Found): boolean {
  if (claim === undefined) return true;
  const { host, pid, since, boot, start } = claim;
  if (host !== hostname()) return Date.now() - since > LONGEST;
  if (!isAlive(pid)) return true;
  const life = lifeOf(pid);
  if (life !== undefined && boot !== undefined && (life.boot !== boot || life.start !== start)) return true;
  return pid === process.pid && !held.has(new TextDecoder().decode(bytes));
}

function busy(other: Claim, at: { host: Host; directory: string; path: string }): ClusterCaError {
  const { host, directory, path } = at;
  const since = new Date(other.since).toISOString();
  return new ClusterCaError(
    'ERR_KEYSTORE_BUSY',
    `${safeText(other.actor)} (process ${other.pid}) is deploying to ${directory} on ${host.label} since ${since}`,
    { hint: `wait for it, with --wait; if it was killed there, remove ${path}`, details: { busy: true } },
  );
}

function parse(content: Uint8Array | undefined): Claim | undefined {
  try {
    const value = JSON.parse(new TextDecoder().decode(content)) as Partial<Claim>;
    const { actor: who, host, pid, since, boot, start } = value;
    const isClaim =
      typeof who === 'string' &&
      typeof host === 'string' &&
      Number.isInteger(pid) &&
      (pid as number) > 0 &&
      typeof since === 'number' &&
      Math.abs(since) <= 8.64e15;
    if (!isClaim) return undefined;
    const life = typeof boot === 'string' && typeof start === 'number' ? { boot, start } : {};
    return { actor: who, host, pid: pid as number, since, ...life };
  } catch {
    return undefined;
  }
}
