import type { RedisAdmin } from './redis-admin.ts';
import { type Reply, RespError } from './resp.ts';
import type { OldConnections } from './target.ts';

/** The moment of a reload as the server saw it. */
export interface Mark {
  /** Milliseconds since 1970, by its clock. */
  at: number;
  /** The highest number that a connection had. */
  id: number;
  /** Our end of the link to the primary. Its number and its age stay when it is made anew and goes on where it was. */
  toPrimary: string | undefined;
}

/** A connection of a client, a replica or the primary. */
export interface Client {
  id: number;
  /** It is a replication link: to a replica of ours, or to our primary. */
  replication: boolean;
  /** It may be younger than it looks: see {@link Mark.toPrimary}. */
  doubtful: boolean;
}

/** A link of the cluster's bus. */
export interface Link {
  direction: string;
  node: string;
  createTime: number;
}

/** @param time and clients as TIME and CLIENT LIST were answered; undefined when the server did not tell */
export function markOf(time: Reply | RespError | undefined, clients: Reply | RespError | undefined): Mark | undefined {
  if (!Array.isArray(time) || typeof clients !== 'string') return undefined;
  const all = fieldsOf(clients);
  return {
    at: milliseconds(time),
    id: Math.max(0, ...all.map(({ id }) => Number(id))),
    toPrimary: all.find(isToPrimary)?.laddr,
  };
}

/** The connections of a Redis that were made before a reload, or before a moment by our clock. */
export async function oldConnections(admin: RedisAdmin, since: Mark | Date): Promise<OldConnections> {
  const clients = (await oldClients(admin, since)).filter(({ doubtful }) => !doubtful);
  const replication = clients.filter((client) => client.replication).length;
  const links = (await oldLinks(admin, since)).length;
  const parts = [
    count(clients.length - replication, 'client'),
    count(replication, 'replication link'),
    count(links, 'cluster bus link'),
  ];
  return { count: clients.length + links, what: parts.filter((part) => part !== undefined).join(', ') };
}

/** Those over TLS, but for our own. */
export async function oldClients(admin: RedisAdmin, since: Mark | Date): Promise<Client[]> {
  const port = (await admin.pairs('CONFIG', 'GET', 'tls-port')).get('tls-port');
  const [own, time, list] = await admin.batch([['CLIENT', 'ID'], ['TIME'], ['CLIENT', 'LIST']]);
  if (list instanceof RespError) throw admin.refused(list, ['CLIENT', 'LIST']);
  const isOld = (fields: Fields): boolean => {
    // Whole seconds: what was made in the same second counts.
    if (since instanceof Date) return made(fields, now(time)) <= (now(time) - elapsed(since)) / 1000;
    return isToPrimary(fields) ? fields.laddr === since.toPrimary : Number(fields.id) <= since.id;
  };
  return fieldsOf(String(list ?? '')).flatMap((fields) => {
    const { id, flags = '', laddr = '' } = fields;
    const secured = isToPrimary(fields) || laddr.endsWith(`:${port}`);
    if (Number(id) === own || !secured || !isOld(fields)) return [];
    const doubtful = isToPrimary(fields) && since instanceof Date;
    return [{ id: Number(id), replication: /[SM]/.test(flags), doubtful }];
  });
}

/** Redis 7 lists the links of its bus; an older one, or one without a cluster, has none to list. */
export async function oldLinks(admin: RedisAdmin, since: Mark | Date): Promise<Link[]> {
  const [time, list] = await admin.batch([['TIME'], ['CLUSTER', 'LINKS']]);
  if (!Array.isArray(list)) return [];
  const before = since instanceof Date ? now(time) - elapsed(since) : since.at;
  return list
    .map((link) => {
      const of = (name: string) => (Array.isArray(link) ? link[link.indexOf(name) + 1] : undefined);
      return {
        direction: String(of('direction')),
        node: String(of('node')),
        createTime: Number(of('create-time')),
      };
    })
    .filter(({ createTime }) => createTime <= before);
}

type Fields = Record<string, string | undefined>;

/** CLIENT LIST: a line each, `id=3 addr=127.0.0.1:1234 …`. */
function fieldsOf(list: string): Fields[] {
  return list
    .split('\n')
    .map((line) => Object.fromEntries(line.split(' ').map((part) => part.split(/=(.*)/s).slice(0, 2))) as Fields)
    .filter(({ id }) => id !== undefined);
}

function isToPrimary({ flags }: Fields): boolean {
  return flags?.includes('M') === true;
}

/** The second in which a connection was made, by the server's clock. */
function made({ age }: Fields, at: number): number {
  return Math.floor(at / 1000) - Number(age);
}

/** The server's clock; ours where it does not tell. */
function now(time: Reply | RespError | undefined): number {
  return Array.isArray(time) ? milliseconds(time) : Date.now();
}

function milliseconds([seconds, microseconds]: readonly Reply[]): number {
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

function elapsed(since: Date): number {
  return Date.now() - since.getTime();
}

function count(n: number, what: string): string | undefined {
  return n === 0 ? undefined : `${n} ${what}${n === 1 ? '' : 's'}`;
}
