import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterCaError } from '../errors.ts';
import type { RedisAdmin } from './redis-admin.ts';
import { type Mark, oldClients, oldLinks } from './redis-connections.ts';
import { RespError } from './resp.ts';

interface Surroundings {
  /** As messages name the server. */
  label: string;
  /** Milliseconds that one connection may take to come back. */
  timeout: number;
  warn(message: string): void;
}

/**
 * Makes the connections between servers anew, one at a time, waiting for each to be whole again: the replication links,
 * from the primary's side and from the replica's, each of which continues where it was (PSYNC); and the links of the
 * cluster's bus where DEBUG is allowed, because no other command closes one. Clients are left alone: an operation under
 * way would fail.
 */
export async function cycleConnections(admin: RedisAdmin, since: Mark | Date, around: Surroundings): Promise<void> {
  await cycleReplication(admin, since, around);
  await cycleLinks(admin, since, around);
}

async function cycleReplication(admin: RedisAdmin, since: Mark | Date, around: Surroundings): Promise<void> {
  const old = (await oldClients(admin, since)).filter(({ replication }) => replication);
  const obstacle = old.length === 0 ? undefined : await operationsWouldFail(admin);
  if (obstacle !== undefined) return around.warn(`${around.label} keeps its old replication links: ${obstacle}`);
  for (const { id } of old) {
    const before = replicationOf(await admin.call('INFO', 'replication'));
    await admin.call('CLIENT', 'KILL', 'ID', String(id));
    await until(
      around,
      'replication is not whole again',
      'INFO replication on it says which link is down',
      async () => {
        const { linkUp, replicas } = replicationOf(await admin.call('INFO', 'replication'));
        return linkUp && replicas >= before.replicas;
      },
    );
  }
}

/** A link is down for some milliseconds. Two settings make a server refuse operations meanwhile. */
async function operationsWouldFail(admin: RedisAdmin): Promise<string | undefined> {
  const { linkUp, replicas, role } = replicationOf(await admin.call('INFO', 'replication'));
  if (!linkUp) return 'the link to its primary is down as it is';
  const setting = async (name: string): Promise<string> => (await admin.pairs('CONFIG', 'GET', name)).get(name) ?? '';
  if (role === 'slave')
    return (await setting('replica-serve-stale-data')) === 'no'
      ? 'with replica-serve-stale-data no it would refuse to read meanwhile'
      : undefined;
  const least = Number(await setting('min-replicas-to-write'));
  return least > 0 && replicas - 1 < least
    ? `with min-replicas-to-write ${least} it would refuse to write meanwhile`
    : undefined;
}

async function cycleLinks(admin: RedisAdmin, since: Mark | Date, around: Surroundings): Promise<void> {
  for (const { direction, node, createTime } of await oldLinks(admin, since)) {
    const [reply] = await admin.batch([['DEBUG', 'CLUSTERLINK', 'KILL', direction, node]]);
    if (reply instanceof RespError) return;
    const hint = 'CLUSTER NODES on it says which node it does not reach';
    await until(around, `its ${direction} link with ${node} is not back`, hint, async () => {
      const links = await oldLinks(admin, new Date(Date.now() + 60_000));
      return links.some((link) => link.direction === direction && link.node === node && link.createTime > createTime);
    });
  }
}

async function until(around: Surroundings, not: string, hint: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + around.timeout;
  for (;;) {
    await sleep(50);
    if (await holds()) return;
    if (Date.now() > deadline)
      throw new ClusterCaError('ERR_TIMEOUT', `${around.label}: ${not} after ${around.timeout / 1000} s`, { hint });
  }
}

/** What INFO replication says: of the link to the primary, and of the replicas that are in step. */
function replicationOf(info: unknown): { role: string; linkUp: boolean; replicas: number } {
  const text = String(info);
  const role = /^role:(\w+)/m.exec(text)?.[1] ?? '';
  return {
    role,
    linkUp: role !== 'slave' || text.includes('master_link_status:up'),
    replicas: text.match(/^slave\d+:.*state=online/gm)?.length ?? 0,
  };
}
