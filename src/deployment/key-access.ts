import { parseAddress } from '../endpoint/address.ts';
import { groupsOf, idsOf, listenerOf, type Owner } from '../hosts/users.ts';
import type { Problem } from '../targets/target.ts';
import { keyModeFor } from './new-files.ts';
import type { Task } from './task.ts';

/** Kinds whose server reads the key itself. PostgreSQL has a stricter rule of its own; a command may do anything. */
const READERS = new Set(['redis', 'sentinel', 'etcd', 'haproxy', 'nginx']);

/** Whether the user of a server that runs may read the key that is to be placed. One of root's may, or hands it down. */
export async function checkKeyAccess({ unit, directory, opened }: Task): Promise<Problem[]> {
  const { host } = directory;
  for (const { deployable, served } of opened) {
    const { kind, address, label, where } = deployable.service;
    if (!READERS.has(kind) || address === undefined || served === undefined || served.state === 'down') continue;
    const uid = await listenerOf(host, parseAddress(address).port);
    if (uid === undefined || uid === 0) continue;
    const asked = unit.services[0]?.service;
    const text = asked?.owner ?? (await directory.ownerOf());
    const owner = text === undefined ? undefined : await idsOf(host, text);
    // One that is not known there is told by placing.
    if (owner === undefined) continue;
    const mode = await keyModeFor({ unit, directory });
    if (mayRead(uid, owner, mode, owner.uid === uid ? [] : await groupsOf(host, uid))) continue;
    return [
      {
        message: `${label} runs as user ${uid}, which could not read the key: it would be 0${mode.toString(8)} of ${owner.uid}:${owner.gid}`,
        hint: `say it at ${where}: owner: ${uid}; or a group of that user, and keyMode: '0640'`,
      },
    ];
  }
  return [];
}

/** @param groups of the user; undefined when they are not known: then the file's is taken for one of them */
function mayRead(uid: number, owner: Owner, mode: number, groups: readonly number[] | undefined): boolean {
  if (owner.uid === uid) return (mode & 0o400) !== 0;
  if (groups === undefined || groups.includes(owner.gid)) return (mode & 0o040) !== 0;
  return (mode & 0o004) !== 0;
}
