import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Who can read a key file, beside root. */
export interface KeyReaders {
  path: string;
  owner: string;
  /** The group that can read it too. */
  group: string | undefined;
  /** 0600 as `0600`. */
  mode: string;
  /** A directory above it that its owner cannot enter: then only root reads it. */
  closed: string | undefined;
}

/** Looks at a key file and the directories above it; undefined where it can't be told. */
export function keyReaders(path: string): KeyReaders | undefined {
  try {
    const status = statSync(path);
    const group = (status.mode & 0o040) === 0 ? undefined : nameOf('/etc/group', status.gid);
    return {
      path,
      owner: nameOf('/etc/passwd', status.uid),
      group,
      mode: (status.mode & 0o7777).toString(8).padStart(4, '0'),
      closed: status.uid === 0 ? undefined : closedDirectory(path, status),
    };
  } catch {
    return undefined;
  }
}

/** The first directory from above that the file's owner, with the file's group, may not enter. */
function closedDirectory(path: string, { uid, gid }: Stats): string | undefined {
  const directories: string[] = [];
  for (let at = dirname(path); ; at = dirname(at)) {
    directories.unshift(at);
    if (at === dirname(at)) break;
  }
  return directories.find((directory) => {
    const { uid: owner, gid: group, mode } = statSync(directory);
    if (owner === uid) return (mode & 0o100) === 0;
    return (mode & (group === gid ? 0o010 : 0o001)) === 0;
  });
}

/** A name from the system's own table; users of a directory service keep their number. */
function nameOf(table: '/etc/passwd' | '/etc/group', id: number): string {
  const lines = readFileSync(table, 'utf8').split('\n');
  return lines.map((line) => line.split(':')).find((fields) => fields[2] === String(id))?.[0] ?? String(id);
}
