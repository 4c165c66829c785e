import { execFileSync } from 'node:child_process';
import { ClusterCaError } from '../errors.ts';

const HINT = 'getent passwd and getent group list them; numbers such as 999:999 will do';

export interface Owner {
  uid: number;
  gid: number;
}

/** The parts of `USER[:GROUP]`, names or numbers. @throws ERR_USAGE */
export function splitOwner(text: string): { user: string; group: string | undefined } {
  const [user = '', group] = text.split(':');
  if (
    !/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(user) ||
    (group !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(group))
  )
    throw new ClusterCaError('ERR_USAGE', `--owner wants USER or USER:GROUP, not ${JSON.stringify(text)}`);
  return { user, group };
}

/** Reads `USER[:GROUP]` as the system knows them. @throws ERR_USAGE */
export function parseOwner(text: string): Owner {
  const { user, group } = splitOwner(text);
  const numeric = /^\d+$/.test(user);
  const uid = numeric ? Number(user) : idOf('-u', user);
  const gid =
    group === undefined ? (numeric ? uid : idOf('-g', user)) : /^\d+$/.test(group) ? Number(group) : groupId(group);
  return { uid, gid };
}

function idOf(flag: '-u' | '-g', user: string): number {
  try {
    return Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch (cause) {
    throw new ClusterCaError('ERR_USAGE', `there is no user ${user}`, { hint: HINT, cause });
  }
}

function groupId(group: string): number {
  try {
    return Number(
      execFileSync('getent', ['group', group], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(':')[2],
    );
  } catch (cause) {
    throw new ClusterCaError('ERR_USAGE', `there is no group ${group}`, { hint: HINT, cause });
  }
}
