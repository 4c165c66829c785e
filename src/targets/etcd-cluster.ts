import { type Address, formatAddress } from '../endpoint/address.ts';
import { isClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import type { EtcdApi, Member } from './etcd-api.ts';

/** One member among all, as it says itself. */
export interface Place {
  self: Member;
  others: Member[];
  /** Where its clients reach it; undefined when that is not known, or has no TLS. */
  client: Address | undefined;
}

/**
 * Finds a member among all.
 * @param at its client port or its peer port
 * @param client where its clients reach it, when that is said
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function placeOf(api: EtcdApi, at: Address, client: Address | undefined): Promise<Place | undefined> {
  const known = client ?? ((await api.isClientPort(at)) ? at : undefined);
  if (known !== undefined) return byClientPort(api, known);
  const members = await api.membersByPeer(at);
  const self = members.find(({ peer }) => peer.some((one) => formatAddress(one) === formatAddress(at)));
  if (self === undefined) return undefined;
  const [own] = self.client;
  // With the gateway the members have ids, too.
  const better = own && (await byClientPort(api, own).catch(unlessKnown));
  return better ?? { self, others: members.filter((one) => one !== self), client: own };
}

async function byClientPort(api: EtcdApi, client: Address): Promise<Place | undefined> {
  const [{ member }, members] = [await api.status(client), await api.members(client)];
  const self = members.find(({ id }) => id === member);
  return self && { self, others: members.filter((one) => one !== self), client };
}

/** Why a member does not do its work; undefined when it does. A client port tells more than a peer port. */
export async function illnessOf(api: EtcdApi, { client, peer, name }: Member): Promise<string | undefined> {
  const [first, ...rest] = client;
  if (first !== undefined) {
    let ill = await api.illness(first);
    for (const other of rest) if (ill !== undefined) ill = await api.illness(other);
    return ill;
  }
  const [port] = peer;
  return port === undefined ? `${safeText(name)} has no address with TLS` : api.peerIllness(port);
}

/** What the others are, while one member restarts. */
export interface Rest {
  healthy: Member[];
  /** Why those others that are not healthy are not. */
  ill: string[];
  /** Votes that a quorum needs, and those that are there without the one. */
  quorum: number;
  votes: number;
  /** Members that vote. */
  voters: number;
}

/** Asks every other member. */
export async function restOf(api: EtcdApi, { self, others }: Place): Promise<Rest> {
  const asked = await Promise.all(others.map(async (one) => ({ one, ill: await illnessOf(api, one) })));
  const healthy = asked.flatMap(({ one, ill }) => (ill === undefined ? [one] : []));
  const voters = [self, ...others].filter(({ votes }) => votes).length;
  return {
    healthy,
    ill: asked.flatMap(({ ill }) => (ill === undefined ? [] : [ill])),
    quorum: Math.floor(voters / 2) + 1,
    votes: healthy.filter(({ votes }) => votes).length,
    voters,
  };
}

/**
 * What speaks against restarting a member: that the others are no quorum. A cluster of one or two has none without it
 * in any case.
 */
export function objectionTo({ self }: Place, { votes, quorum, voters, ill }: Rest): string | undefined {
  const wanted = Math.min(quorum, voters - 1);
  if (!self.votes || votes >= wanted) return undefined;
  return `while it restarts ${votes} of ${voters} members would be left, and ${quorum} are needed: ${ill.join('; ')}`;
}

/**
 * Hands the leadership to another member before a restart, so that no client sees the leader change without warning.
 * @returns what was tried in vain; undefined when it does not lead, or leads no more
 */
export async function handOver(api: EtcdApi, { client, self }: Place, rest: Rest): Promise<string | undefined> {
  if (client === undefined || self.id === '') return undefined;
  if ((await api.status(client)).leader !== self.id) return undefined;
  let why = 'no other member is healthy';
  for (const { id, name } of rest.healthy.filter((one) => one.votes && one.id !== '')) {
    try {
      await api.moveLeader(client, id);
      return undefined;
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      why = `${safeText(name)}: ${error.message}`;
    }
  }
  return why;
}

function unlessKnown(error: unknown): undefined {
  if (!isClusterCaError(error)) throw error;
}

/** What helps when the cluster does not allow a restart. */
export const MEND = 'etcdctl endpoint health --cluster, with a client certificate, says more; mend that first';
