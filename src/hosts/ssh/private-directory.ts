import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../../keystore/directory/process-alive.ts';

const NAME = /^cluster-ca-ssh-(\d+)-/;
/** The path of a unix socket has 107 characters at most, and ssh adds 17 while it makes one. */
const LONGEST = 48;
const SWEEP_AFTER = 60_000;

const open = new Set<string>();

/** A new directory, 0700, for sockets: removed with {@link removePrivateDirectory}, or when the process ends. */
export function makePrivateDirectory(): string {
  const parent = tmpdir().length > LONGEST ? '/tmp' : tmpdir();
  sweep(parent);
  const path = mkdtempSync(join(parent, `cluster-ca-ssh-${process.pid}-`));
  if (open.size === 0) process.on('exit', removeAll);
  open.add(path);
  return path;
}

export function removePrivateDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
  open.delete(path);
  if (open.size === 0) process.off('exit', removeAll);
}

function removeAll(): void {
  for (const path of open) rmSync(path, { recursive: true, force: true });
}

/** Removes what killed processes of this user left: their ssh has ended with them, and taken its socket along. */
function sweep(parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      const pid = NAME.exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      const path = join(parent, name);
      const status = lstatSync(path);
      if (!status.isDirectory() || status.uid !== process.getuid?.()) continue;
      const idle = Date.now() - status.mtimeMs > SWEEP_AFTER;
      if (idle && !readdirSync(path).includes(CONTROL)) rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // Somebody else was there first, or may not be looked at.
  }
}

/** The name of the connection's own socket in it. */
export const CONTROL = 'm';
