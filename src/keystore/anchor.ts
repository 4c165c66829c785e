import { lstat, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
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

/** What there is of an anchor. One that this user may not read is none of theirs; one that is damaged is not taken for none. */
export type AnchorFound =
  | { state: 'seen'; anchor: Anchor }
  | { state: 'none' }
  | { state: 'denied' | 'damaged'; path: string; reason: string };

/** Looks for the anchor of a keystore. */
export async function findAnchor(directory: string | undefined, keystoreId: string): Promise<AnchorFound> {
  if (directory === undefined) return { state: 'none' };
  const path = join(directory, keystoreId);
  try {
    const anchor = parseHead(await readFile(path, 'utf8'));
    return anchor === undefined ? { state: 'damaged', path, reason: 'it is not SEQ:HASH' } : { state: 'seen', anchor };
  } catch (error) {
    const code = errno(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'none' };
    const state = code === 'EACCES' || code === 'EPERM' ? 'denied' : 'damaged';
    return { state, path, reason: code ?? String(error) };
  }
}

/**
 * The anchor of a keystore; undefined where there is none, or it is not this user's to read.
 * @throws ERR_KEYSTORE_TAMPERED when it is damaged
 */
export async function readAnchor(directory: string | undefined, keystoreId: string): Promise<Anchor | undefined> {
  const found = await findAnchor(directory, keystoreId);
  if (found.state === 'damaged') throw damagedAnchor(found);
  return found.state === 'seen' ? found.anchor : undefined;
}

/** Where an anchor cannot be told from none, an older copy would pass: the operator says that this one is the newest. */
export function damagedAnchor({ path, reason }: { path: string; reason: string }): ClusterCaError {
  return new ClusterCaError(
    'ERR_KEYSTORE_TAMPERED',
    `the anchor ${path} is damaged (${reason}): whether this is an older copy of the keystore cannot be told`,
    {
      hint: 'make sure that it is the newest one, then: cluster-ca keystore check --accept-rollback',
    },
  );
}

/** Why a rollback could not be told, in words: a warning. */
export function unwitnessed(found: AnchorFound): string | undefined {
  if (found.state === 'seen') return undefined;
  if (found.state === 'none')
    return 'there is no anchor of this keystore here: an older copy of it would look the same';
  return `the anchor ${found.path} cannot be read (${found.reason}): an older copy of the keystore would look the same`;
}

/**
 * Moves the anchor forward, durably; never back, unless `reset`. One that cannot be read is not replaced: it may be further.
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
      if (options.reset) return false;
      const there = await findAnchor(directory, keystoreId);
      if (there.state === 'denied') throw new Unreadable(unwitnessed(there));
      if (there.state === 'damaged') throw new Unreadable(damagedAnchor(there).message);
      return there.state === 'seen' && there.anchor.seq >= anchor.seq;
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
    if (error instanceof Unreadable) return error.message;
    return `the anchor ${path} cannot be written (${errno(error) ?? String(error)}): a rollback of the keystore would go unnoticed`;
  }
}

class Unreadable extends Error {}

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
