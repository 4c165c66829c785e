import * as z from 'zod';
import { type Address, formatAddress, parseAddress } from '../endpoint/address.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { isClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import { type Access, type Answer, askHttp } from './etcd-http.ts';

/** A member of an etcd cluster. */
export interface Member {
  /** Decimal; '' where only a peer port said it, whose JSON has it as a number too large to read. */
  id: string;
  name: string;
  /** It has a vote; a learner has none. */
  votes: boolean;
  /** Where its clients and its peers reach it by TLS. */
  client: Address[];
  peer: Address[];
}

const urls = z.array(z.string()).default([]);
const member = z.object({ name: z.string().default(''), peerURLs: urls, clientURLs: urls });
const listed = z.object({
  members: z.array(member.extend({ ID: z.string().regex(/^\d+$/), isLearner: z.boolean().default(false) })),
});
const listedByPeer = z.array(member.extend({ isLearner: z.boolean().default(false) }));
const stated = z.object({
  header: z.object({ member_id: z.string().regex(/^\d+$/) }),
  leader: z.string().optional(),
});

/** What is asked of etcd: its health, and what its JSON gateway answers. Client ports have both, peer ports neither. */
export class EtcdApi {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  /** Whether clients are served there. @throws ERR_REMOTE, ERR_TIMEOUT */
  async isClientPort(to: Address): Promise<boolean> {
    return (await askHttp(to, '/health', this.#access)).status !== 404;
  }

  /** Whether a member carries out a request, for which it needs a leader and a quorum. @returns why not */
  async illness(to: Address): Promise<string | undefined> {
    try {
      const { status, body } = await askHttp(to, '/health', this.#access);
      if (status === 200 && /"health"\s*:\s*"?true/.test(body)) return undefined;
      return `${formatAddress(to)}/health says ${quoted(status, body)}`;
    } catch (error) {
      return reason(error);
    }
  }

  /** Whether a peer port answers, as far as that can be asked. @returns why not */
  async peerIllness(to: Address): Promise<string | undefined> {
    try {
      const { status, body } = await askHttp(to, '/version', this.#access);
      return status === 200 ? undefined : `${formatAddress(to)}/version says ${quoted(status, body)}`;
    } catch (error) {
      return reason(error);
    }
  }

  /** @throws ERR_REMOTE, ERR_TIMEOUT */
  async status(to: Address): Promise<{ member: string; leader: string | undefined }> {
    const { header, leader } = await this.#gateway(to, '/v3/maintenance/status', {}, stated);
    return { member: header.member_id, leader };
  }

  /** @throws ERR_REMOTE, ERR_TIMEOUT */
  async members(to: Address): Promise<Member[]> {
    const { members } = await this.#gateway(to, '/v3/cluster/member/list', {}, listed);
    return members.map(({ ID, ...rest }) => memberOf(ID, rest));
  }

  /** The same of a peer port. @throws ERR_REMOTE, ERR_TIMEOUT */
  async membersByPeer(to: Address): Promise<Member[]> {
    const members = parsed(to, '/members', await askHttp(to, '/members', this.#access), listedByPeer);
    return members.map((one) => memberOf('', one));
  }

  /** Makes another member the leader; only the leader can. @throws ERR_REMOTE, ERR_TIMEOUT */
  async moveLeader(to: Address, targetID: string): Promise<void> {
    await this.#gateway(to, '/v3/maintenance/transfer-leadership', { targetID }, z.object({}));
  }

  async #gateway<T>(to: Address, path: string, body: object, schema: z.ZodType<T>): Promise<T> {
    return parsed(to, path, await askHttp(to, path, this.#access, body), schema);
  }
}

function parsed<T>(to: Address, path: string, { status, body }: Answer, schema: z.ZodType<T>): T {
  if (status === 200) {
    const read = schema.safeParse(json(body));
    if (read.success) return read.data;
  }
  throw misbehaved(formatAddress(to), `answers ${path} with ${quoted(status, body)}`, HINTS[codeOf(body) ?? -1]);
}

/** The gateway is a client of its own member: code 14, it cannot reach it. */
const HINTS: Record<number, string> = {
  14: 'its certificate needs clientAuth too: etcd uses it as a client of itself',
  16: 'it demands a login (etcd auth) for this',
};

function codeOf(body: string): number | undefined {
  return z.object({ code: z.number() }).safeParse(json(body)).data?.code;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Listed {
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}

function memberOf(id: string, { name, peerURLs, clientURLs, isLearner }: Listed): Member {
  return { id, name, votes: !isLearner, client: addresses(clientURLs), peer: addresses(peerURLs) };
}

/** Those with TLS: without it nothing proves whom one asks. */
function addresses(list: readonly string[]): Address[] {
  return list.flatMap((url) => {
    const place = /^https:\/\/([^/]+)\/?$/.exec(url)?.[1];
    try {
      return place === undefined ? [] : [parseAddress(place)];
    } catch {
      return [];
    }
  });
}

function quoted(status: number, body: string): string {
  const said = safeText(body.trim().slice(0, 200));
  return `HTTP ${status}${said === '' ? '' : `: ${said}`}`;
}

function reason(error: unknown): string {
  if (!isClusterCaError(error)) throw error;
  return error.message;
}
