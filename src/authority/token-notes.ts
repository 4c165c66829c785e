import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { randomBytes } from '../crypto/hash.ts';
import type { Token, TokenKey } from '../crypto/token/token.ts';
import { formatTokenUri, parseTokenUri, type TokenUri, tokenName } from '../crypto/token/uri.ts';
import { decodeCanonicalFile, encodeCanonicalFile } from '../keystore/canonical.ts';
import { makeDirectories, syncDirectory, writeNew } from '../keystore/directory/durable.ts';
import { storageError } from '../keystore/directory/errors.ts';
import { isAlive } from '../keystore/directory/process-alive.ts';
import { integer, oneOf, record, text } from '../keystore/shape.ts';
import { toHex } from '../pki/encoding.ts';
import type { SyncSigner } from '../pki/signer.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';

// A key that is made in a token is there at once, for good; what names it comes later. So its id is noted, durably and
// beside the place of the keystore, before it is made: whoever finds the note, and that nothing names the key, knows that
// a killed process left it.

const DAY = 86_400_000;

const note = record({
  v: integer,
  type: oneOf('cluster-ca token note'),
  uri: text,
  host: text,
  pid: integer,
  start: integer,
});

/** Who makes it: a process number is used again, in a container by every process. */
const maker = () => ({ host: hostname(), pid: process.pid, start: Math.round(performance.timeOrigin) });

/** A key just made in a token. */
export interface NotedKey {
  key: TokenKey;
  signer: SyncSigner;
  /** It came to nothing: removes it from the token. */
  discard: () => Promise<void>;
  /** Something durable names it. */
  kept: () => Promise<void>;
}

/**
 * What is known of a key by its id: something durable names it for good; something does that may come to nothing, such as
 * a request; nothing does.
 */
export type Standing = 'named' | 'undecided' | 'orphan';

/** @param place of the keystore, or root domain, that will name it @throws as `Token.makeKey`; ERR_STORAGE */
export async function makeNotedKey(token: Token, place: string, keyType: KeyType, label: string): Promise<NotedKey> {
  const id = randomBytes(16);
  const path = join(dirname(place), `${prefixOf(place)}${toHex(id)}`);
  const uri = formatTokenUri({ ...token.uri, object: label, id });
  const bytes = encodeCanonicalFile({ v: 1, type: 'cluster-ca token note', uri, ...maker() });
  try {
    await makeDirectories(dirname(path), 0o700);
    await writeNew(path, bytes, 0o600);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw storageError(error, 'write', path);
  }
  const forget = (): Promise<void> => unlink(path).catch(() => {});
  try {
    const { key, signer, discard } = await token.makeKey(keyType, label, id);
    const undo = async (): Promise<void> => {
      discard();
      await forget();
    };
    return { key, signer, discard: undo, kept: forget };
  } catch (error) {
    await forget();
    throw error;
  }
}

/**
 * Removes from a token the keys that killed runs have left, and tells of each. Keys of other tokens, of runs that go on, and
 * of which it cannot be told, stay.
 */
export async function sweepToken(
  token: Token,
  place: string,
  standing: (id: string) => Promise<Standing>,
  warn: (message: string) => void,
): Promise<void> {
  const directory = dirname(place);
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(prefixOf(place))) continue;
    const path = join(directory, name);
    const uri = await leftBehind(path);
    if (uri?.id === undefined || uri.serial !== token.uri.serial || uri.token !== token.uri.token) continue;
    const found = await standing(toHex(uri.id));
    if (found === 'undecided') continue;
    if (found === 'orphan' && token.removeKey(uri.id) > 0)
      warn(`a run that was killed had left a key in the token ${tokenName(uri)}: ${uri.object} was removed there`);
    await unlink(path).catch(() => {});
  }
}

/** Forgets the note of a key that a record names now. @param id in hex */
export async function forgetNote(place: string, id: string): Promise<void> {
  await unlink(join(dirname(place), `${prefixOf(place)}${id}`)).catch(() => {});
}

/** The id of the key that a file of `sealed/` names, in hex; undefined where it names none in a token. */
export function tokenIdIn(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  try {
    const { type, uri } = decodeCanonicalFile(bytes, 'a key') as { type?: unknown; uri?: unknown };
    if (type !== 'token-key' || typeof uri !== 'string') return undefined;
    const { id } = parseTokenUri(uri);
    return id && toHex(id);
  } catch {
    return undefined;
  }
}

function prefixOf(place: string): string {
  return `.cluster-ca-token.${basename(place)}.`;
}

/** What a note of a process that is gone is about. */
async function leftBehind(path: string): Promise<TokenUri | undefined> {
  try {
    const { uri, host, pid, start } = note(decodeCanonicalFile(await readFile(path), path), path);
    const own = maker();
    const alive = pid === own.pid ? start === own.start : isAlive(pid);
    const gone = host === own.host ? !alive : Date.now() - (await stat(path)).mtimeMs > DAY;
    return gone ? parseTokenUri(uri) : undefined;
  } catch {
    // Half written: the key was not made yet.
    return undefined;
  }
}
