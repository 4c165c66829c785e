import type { Reader } from './host.ts';

/** Whether the permission bits of a file let somebody read it; who we are ourselves has opened it by now. */
export function mayRead({ uid, gid }: Reader, file: { mode: number; uid: number; gid: number }): boolean {
  if (uid === 0 || uid === process.geteuid?.()) return true;
  const bit = uid === file.uid ? 0o400 : gid === file.gid ? 0o040 : 0o004;
  return (file.mode & bit) !== 0;
}

/** Why a file is not given to somebody. */
export function notFor({ uid }: Reader): string {
  return `the user ${uid}, whose directory this is in, may not read what it leads to`;
}
