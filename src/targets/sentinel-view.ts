import { formatAddress } from '../endpoint/address.ts';
import { ClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import { pairsOf, RedisAdmin, type RedisLogin } from './redis-admin.ts';
import { type Reply, RespError } from './resp.ts';
import type { Situation } from './target.ts';

/** A primary that a sentinel watches, with all around it, as it sees them. */
export interface Monitored {
  name: string;
  masterIsDown: boolean;
  failingOver: boolean;
  /** Replicas and sentinels that it holds for down or has no connection to. */
  down: string[];
  /** How many replicas and other sentinels it knows. */
  instances: number;
  /** Sentinels, itself among them. */
  sentinels: number;
  usable: number;
  /** How many must agree on a failover: the quorum, and the majority. */
  needed: number;
  /** What CKQUORUM says. */
  quorum: boolean;
  /** Milliseconds. */
  downAfter: number;
}

/** Everything that a sentinel watches. @throws ERR_REMOTE, ERR_TIMEOUT */
export async function lookAround(admin: RedisAdmin): Promise<Monitored[]> {
  const masters = fieldsOf(await admin.call('SENTINEL', 'MASTERS'));
  const monitored: Monitored[] = [];
  for (const master of masters) {
    const name = master.get('name') ?? '';
    const replicas = fieldsOf(await admin.call('SENTINEL', 'REPLICAS', name));
    const others = fieldsOf(await admin.call('SENTINEL', 'SENTINELS', name));
    const [quorum] = await admin.batch([['SENTINEL', 'CKQUORUM', name]]);
    const sentinels = others.length + 1;
    monitored.push({
      name: safeText(name),
      masterIsDown: isDown(master),
      failingOver: /failover_in_progress/.test(master.get('flags') ?? ''),
      down: [...replicas, ...others].filter(isDown).map((one) => safeText(one.get('name') ?? '')),
      instances: replicas.length + others.length,
      sentinels,
      usable: sentinels - others.filter(isDown).length,
      needed: Math.max(Number(master.get('quorum')), Math.floor(sentinels / 2) + 1),
      quorum: !(quorum instanceof RespError),
      downAfter: Number(master.get('down-after-milliseconds')),
    });
  }
  return monitored;
}

/**
 * Asks the other sentinels whether they hold this one for down: so they do when they do not accept what it shows. Those
 * that cannot be asked from here say nothing.
 * @returns what they say; undefined when none holds it for down
 */
export async function othersSeeIt(admin: RedisAdmin, situation: Situation<RedisLogin>): Promise<string | undefined> {
  const me = String(await admin.call('SENTINEL', 'MYID'));
  for (const master of fieldsOf(await admin.call('SENTINEL', 'MASTERS'))) {
    const name = master.get('name') ?? '';
    for (const other of fieldsOf(await admin.call('SENTINEL', 'SENTINELS', name))) {
      const seen = await asSeenFrom(other, name, me, situation);
      if (/[so]_down/.test(seen?.get('flags') ?? ''))
        return `the sentinel at ${addressOf(other)} holds it for down (${safeText(seen?.get('flags') ?? '')})`;
    }
  }
  return undefined;
}

async function asSeenFrom(
  other: Map<string, string>,
  name: string,
  me: string,
  situation: Situation<RedisLogin>,
): Promise<Map<string, string> | undefined> {
  const { socket: _, ...options } = situation.options;
  const service = { ...situation.service, address: addressOf(other) };
  const there = new RedisAdmin({ ...situation, service, options }, '');
  try {
    return fieldsOf(await there.call('SENTINEL', 'SENTINELS', name)).find((one) => one.get('runid') === me);
  } catch (error) {
    if (!(error instanceof ClusterCaError)) throw error;
    return undefined;
  } finally {
    there.close();
  }
}

function addressOf(instance: Map<string, string>): string {
  return formatAddress({ host: instance.get('ip') ?? '', port: Number(instance.get('port')) });
}

function isDown(instance: Map<string, string>): boolean {
  return /\b(s_down|o_down|disconnected)\b/.test(instance.get('flags') ?? '');
}

function fieldsOf(reply: Reply): Map<string, string>[] {
  return Array.isArray(reply) ? reply.map(pairsOf) : [];
}
