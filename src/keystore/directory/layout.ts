import { join } from 'node:path';
import type { BlobFamily } from '../store.ts';

/** Log records in one directory. */
export const LOG_FANOUT = 4096;

/** Where things are inside a keystore directory. */
export const layout = {
  identity: (root: string): string => join(root, 'KEYSTORE'),
  logDirectory: (root: string, seq: number): string => join(root, 'log', String(Math.floor(seq / LOG_FANOUT))),
  record: (root: string, seq: number): string => join(root, 'log', String(Math.floor(seq / LOG_FANOUT)), String(seq)),
  object: (root: string, sha256: string): string => join(root, 'objects', sha256),
  blob: (root: string, family: BlobFamily, name: string): string => join(root, family, name),
  lock: (root: string): string => join(root, 'lock'),
  serving: (root: string): string => join(root, 'serving'),
  reserve: (root: string): string => join(root, 'reserve'),
  temporary: (root: string, name: string): string => join(root, 'tmp', name),
};

/** The directories of a keystore; `slots` and `sealed` stay closed to the group whatever the others are. */
export const DIRECTORIES = ['slots', 'sealed', 'objects', 'log', 'snapshot', 'public', 'tmp'] as const;
export const PRIVATE: ReadonlySet<string> = new Set(['slots', 'sealed', 'tmp']);
