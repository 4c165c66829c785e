import { dirname, resolve } from 'node:path/posix';
import type { Entry, Host } from '../hosts/host.ts';
import { groupsOf, idsOf, type Owner } from '../hosts/users.ts';
import type { Problem, Situation } from './target.ts';

/** Whom a server runs as. */
export interface ServerUser {
  uid: number;
  /** Undefined where that host does not say. */
  groups: readonly number[] | undefined;
}

/** The user that owns a data directory is the one that the server runs as; it takes no other. */
export async function serverUser(host: Host, dataDirectory: string): Promise<ServerUser | undefined> {
  // With the dot, links are followed.
  const uid = (await host.look(`${dataDirectory}/.`))?.uid;
  if (uid === undefined) return undefined;
  return { uid, groups: await groupsOf(host, uid) };
}

/**
 * Whether the server will take the key that is to be placed: with another owner or mode it refuses the reload, goes on
 * with what it has, and cannot start any more.
 */
export async function keyProblems(situation: Situation<unknown>, server: ServerUser): Promise<Problem[]> {
  const { service, host, files } = situation;
  const there = await follow(host, files.key);
  const mode = service.keyMode === undefined ? (there?.mode ?? 0o600) & 0o777 : Number.parseInt(service.keyMode, 8);
  const owner =
    service.owner === undefined ? (there ?? (await host.look(service.dir))) : await idsOf(host, service.owner);
  if (owner === undefined) return [];
  const wrong = keyRefusal(mode, owner, server);
  if (wrong === undefined) return [];
  return [
    {
      message: `${service.label} would not take the key: ${wrong}`,
      hint: `say it at ${service.where}: owner: ${server.uid}, keyMode: '0600'; or owner: root and the server's group, keyMode: '0640'`,
    },
  ];
}

/** PostgreSQL's rule for its key (and libpq's for a client's). @returns why it is refused */
export function keyRefusal(mode: number, owner: Owner, server: ServerUser): string | undefined {
  const shown = `0${mode.toString(8)}`;
  if (owner.uid === server.uid)
    return (mode & 0o077) === 0 ? undefined : `it would be ${shown} and the server's own, which must be 0600`;
  if (owner.uid !== 0) return `it would belong to user ${owner.uid}, and the server is user ${server.uid}`;
  if ((mode & 0o027) !== 0) return `it would be ${shown} and root's, which must be 0640`;
  if ((mode & 0o040) === 0 || server.groups?.includes(owner.gid) === false)
    return `it would be ${shown} of root and group ${owner.gid}, which user ${server.uid} cannot read`;
  return undefined;
}

/** What a path leads to in the end. */
async function follow(host: Host, path: string): Promise<Entry | undefined> {
  let at = path;
  for (let links = 0; links < 8; links++) {
    const entry = await host.look(at);
    if (entry?.type !== 'link') return entry;
    at = resolve(dirname(at), entry.target ?? '');
  }
  return undefined;
}
