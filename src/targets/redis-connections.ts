import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterCaError } from '../errors.ts';
import type { Reply } from './resp.ts';
import type { OldConnections } from './target.ts';

type Call = (...words: string[]) => Promise<Reply>;

interface Client {
  id: string;
  /** `N`, `S` a replica of ours, `M` our primary. */
  flags: string;
  /** Seconds. */
  age: number;
}

/** The connections of a Redis that were made before a moment. Ages are by its clock, so that ours need not agree. */
export async function oldConnections(call: Call, since: Date): Promise<OldConnections> {
  const old = (await clients(call)).filter(({ age }) => age > elapsed(since));
  const replicas = old.filter(({ flags }) => /[SM]/.test(flags)).length;
  const links = await oldLinks(call, since);
  const ordinary = old.length - replicas;
  const parts = [
    count(ordinary, 'client'),
    count(replicas, 'replication link'),
    count(links, 'cluster bus link'),
  ].filter((part) => part !== undefined);
  return { count: ordinary + replicas + links, what: parts.join(', ') };
}

/**
 * Makes the replication links anew, one at a time: from the primary's side and from the replica's. Each continues where
 * it was (PSYNC). Clients are left alone, because an operation under way would fail; and no command of Redis closes a
 * link of the cluster's bus.
 */
export async function cycleReplication(call: Call, since: Date, timeout: number): Promise<void> {
  // Ages are whole seconds: rather one link too many, which costs nothing, than one too few.
  const replication = (await clients(call)).filter(({ flags, age }) => /[SM]/.test(flags) && age >= elapsed(since) - 2);
  for (const { id } of replication) {
    const replicas = await replicaCount(call);
    await call('CLIENT', 'KILL', 'ID', id);
    await whole(call, replicas, timeout);
  }
}

/** Waits until a replica's link to its primary is up, or all of a primary's replicas are there again. */
async function whole(call: Call, replicas: number, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout;
  for (;;) {
    await sleep(100);
    const info = String(await call('INFO', 'replication'));
    const up = !info.includes('role:slave') || info.includes('master_link_status:up');
    if (up && (await replicaCount(call)) >= replicas) return;
    if (Date.now() > deadline)
      throw new ClusterCaError('ERR_TIMEOUT', `replication is not whole again after ${timeout / 1000} s`, {
        hint: 'INFO replication on it says which link is down',
      });
  }
}

/** The replicas that are in step. */
async function replicaCount(call: Call): Promise<number> {
  const role = await call('ROLE');
  return Array.isArray(role) && role[0] === 'master' && Array.isArray(role[2]) ? role[2].length : 0;
}

async function clients(call: Call): Promise<Client[]> {
  const own = String(await call('CLIENT', 'ID'));
  return String(await call('CLIENT', 'LIST'))
    .split('\n')
    .map(
      (line) =>
        new Map(
          line
            .trim()
            .split(' ')
            .map((part) => part.split(/=(.*)/s).slice(0, 2) as [string, string]),
        ),
    )
    .filter((fields) => fields.has('id') && fields.get('id') !== own)
    .map((fields) => ({
      id: fields.get('id') ?? '',
      flags: fields.get('flags') ?? '',
      age: Number(fields.get('age')),
    }));
}

/** Redis 7 lists the links of its bus; an older one, or one without a cluster, has none to list. */
async function oldLinks(call: Call, since: Date): Promise<number> {
  let links: Reply;
  try {
    links = await call('CLUSTER', 'LINKS');
  } catch {
    return 0;
  }
  const time = await call('TIME');
  const now = Array.isArray(time) ? Number(time[0]) * 1000 : Date.now();
  if (!Array.isArray(links)) return 0;
  return links.filter((link) => {
    if (!Array.isArray(link)) return false;
    const at = link.indexOf('create-time');
    return at >= 0 && now - Number(link[at + 1]) > elapsed(since) * 1000 + 1000;
  }).length;
}

function elapsed(since: Date): number {
  return (Date.now() - since.getTime()) / 1000 + 1;
}

function count(n: number, what: string): string | undefined {
  return n === 0 ? undefined : `${n} ${what}${n === 1 ? '' : 's'}`;
}
