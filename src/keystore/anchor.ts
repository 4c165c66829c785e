import { lstat, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { randomBytes } from '../crypto/hash.ts';
import { toHex } from '../pki/encoding.ts';
import { makeDirectories, renameDurably, writeNew } from './directory/durable.ts';
import { errno } from './directory/errors.ts';

/** A lower bound of a log, kept outside the keystore: what was seen once must be there ever after. */
export interface Anchor {
  seq: number;
  head: string;
}

const DAY = 86_400_000;
const TEMPORARY = /^[0-9a-f]{32}\.\d+\.[0-9a-f]{8}$/;
const FORM = /^(\d{1,15}):([0-9a-f]{64})\n?$/;

/** Reads `SEQ:HASH`; undefined for anything else. */
export function parseHead(text: string): Anchor | undefined {
  const match = FORM.exec(text);
  return match === null ? undefined : { seq: Number(match[1]), head: match[2] as string };
}

/** Where the anchors of this user are: `$XDG_STATE_HOME/cluster-ca/anchors`; undefined without a home. */
export function anchorDirectory(env: Record<string, string | undefined>): string | undefined {
  const state = env.XDG_STATE_HOME;
  if (state !== undefined && isAbsolute(state)) return join(state, 'cluster-ca', 'anchors');
  const home = env.HOME ?? '';
  return home === '' ? undefined : join(home, '.local', 'state', 'cluster-ca', 'anchors');
}

/** The anchor of a keystore; undefined where there is none or it cannot be read. */
export async function readAnchor(directory: string | undefined, keystoreId: string): Promise<Anchor | undefined> {
  if (directory === undefined) return undefined;
  return parseHead(await readFile(join(directory, keystoreId), 'utf8').catch(() => ''));
}

/**
 * Moves the anchor forward, durably; never back, unless `reset`.
 * @returns a warning where it cannot be written
 */
export async function writeAnchor(
  directory: string | undefined,
  keystoreId: string,
  anchor: Anchor,
  options: { reset?: boolean } = {},
): Promise<string | undefined> {
  if (directory === undefined)
    return 'there is no home directory for the anchor: a rollback of the keystore would go unnoticed';
  const path = join(directory, keystoreId);
  try {
    await makeDirectories(dirname(path), 0o700);
    const isAhead = async (): Promise<boolean> => {
      const there = await readAnchor(directory, keystoreId);
      return there !== undefined && there.seq >= anchor.seq && !options.reset;
    };
    if (await isAhead()) return undefined;
    const temporary = `${path}.${process.pid}.${toHex(randomBytes(4))}`;
    await writeNew(temporary, new TextEncoder().encode(`${anchor.seq}:${anchor.head}\n`), 0o600);
    try {
      // Again, after the time that making it durable took: another writer may be further by now.
      if (!(await isAhead())) await renameDurably(temporary, path);
    } finally {
      await unlink(temporary).catch(() => {});
    }
    await sweep(directory);
    return undefined;
  } catch (error) {
    return `the anchor ${path} cannot be written (${errno(error) ?? String(error)}): a rollback of the keystore would go unnoticed`;
  }
}

/**
 * Removes what killed processes left among the anchors more than a day ago. Their names say no host, and a home may be
 * shared by several: that a process of that number is not here says nothing.
 */
async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!TEMPORARY.test(name)) continue;
    const path = join(directory, name);
    const status = await lstat(path).catch(() => undefined);
    if (status?.isFile() && Date.now() - status.mtimeMs > DAY) await unlink(path).catch(() => {});
  }
}
