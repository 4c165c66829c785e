import { lstat, readdir, readFile, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { randomBytes } from '../crypto/hash.ts';
import type { Token, TokenKey } from '../crypto/token/token.ts';
import { formatTokenUri, parseTokenUri, type TokenUri } from '../crypto/token/uri.ts';
import { decodeCanonical, decodeCanonicalFile, encodeCanonical } from '../keystore/canonical.ts';
import { makeDirectories, syncDirectory, writeNew } from '../keystore/directory/durable.ts';
import { errno, storageError } from '../keystore/directory/errors.ts';
import { isAlive } from '../keystore/directory/process-alive.ts';
import { keyType } from '../keystore/log/parts.ts';
import { integer, oneOf, record, text } from '../keystore/shape.ts';
import { concatBytes } from '../pki/der/writer.ts';
import { fromHex, toHex } from '../pki/encoding.ts';
import type { SyncSigner } from '../pki/signer.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';

// A key that is made in a token is there at once, for good; what names it comes later. So its id is noted, durably and
// beside the place of the keystore, before it is made: whoever finds the note, and that nothing names the key, knows that
// a killed process left it. Who may write there is not asked of the directory: a keystore signs its notes, and believes no
// other. `init` has no key yet that anybody knows: its notes are not signed, and nothing is removed because of one.

const DAY = 86_400_000;

const note = record({
  v: integer,
  type: oneOf('cluster-ca token note'),
  uri: text,
  algorithm: keyType,
  host: text,
  pid: integer,
  start: integer,
});

/** Who makes it: a process number is used again, in a container by every process. */
const maker = () => ({ host: hostname(), pid: process.pid, start: Math.round(performance.timeOrigin) });

/** What signs the notes of one keystore, or of its root domain, and knows them again. */
export interface NoteAuthor {
  keystoreId: string;
  sign: (octets: Uint8Array) => Promise<Uint8Array>;
  verify: (octets: Uint8Array, signature: Uint8Array) => boolean;
}

/** A key just made in a token. */
export interface NotedKey {
  key: TokenKey;
  signer: SyncSigner;
  /** It came to nothing: removes it from the token. */
  discard: () => Promise<void>;
  /** Something durable names it. */
  kept: () => Promise<void>;
}

/** @param author who signs the note; without one nobody does @throws as `Token.makeKey`; ERR_STORAGE */
export async function makeNotedKey(
  token: Token,
  place: { location: string; author?: NoteAuthor },
  algorithm: KeyType,
  label: string,
): Promise<NotedKey> {
  const id = randomBytes(16);
  const path = notePath(place.location, toHex(id));
  const uri = formatTokenUri({ ...token.uri, object: label, id });
  const line = encodeCanonical({ v: 1, type: 'cluster-ca token note', uri, algorithm, ...maker() });
  const { author } = place;
  const signature = author && `${toHex(await author.sign(signedOctets(author.keystoreId, line)))}\n`;
  try {
    await makeDirectories(dirname(path), 0o700);
    await writeNew(path, new TextEncoder().encode(`${line}\n${signature ?? ''}`), 0o600);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw storageError(error, 'write', path);
  }
  const forget = (): Promise<void> => removeNote(path);
  try {
    const { key, signer, discard } = await token.makeKey(algorithm, label, id);
    const undo = async (): Promise<void> => {
      discard();
      await forget();
    };
    return { key, signer, discard: undo, kept: forget };
  } catch (error) {
    await forget().catch(() => {});
    throw error;
  }
}

/** A note of a process that is gone. */
export interface LeftNote {
  path: string;
  /** The key: which token, its label and its id. */
  uri: TokenUri & { id: Uint8Array };
  algorithm: KeyType;
  /** Whether `author` has signed it. */
  isBy: (author: NoteAuthor) => boolean;
}

/** The notes beside a place, of keys in this token, whose processes are gone. Notes of other users are none. */
export async function leftNotes(token: Token, location: string): Promise<LeftNote[]> {
  const directory = dirname(location);
  const found: LeftNote[] = [];
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(prefixOf(location))) continue;
    const left = await readLeft(join(directory, name));
    // The name says the id too, so that a note is found by it: another name is not one of ours.
    if (left === undefined || name !== basename(notePath(location, toHex(left.uri.id)))) continue;
    if (left.uri.serial === token.uri.serial && left.uri.token === token.uri.token) found.push(left);
  }
  return found;
}

/** Forgets the note of a key that something durable names now. @param id in hex @throws ERR_STORAGE */
export async function forgetNote(location: string, id: string): Promise<void> {
  await removeNote(notePath(location, id));
}

/** @throws ERR_STORAGE */
export async function removeNote(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw storageError(error, 'remove', path);
  }
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

function prefixOf(location: string): string {
  return `.cluster-ca-token.${basename(location)}.`;
}

function notePath(location: string, id: string): string {
  return join(dirname(location), `${prefixOf(location)}${id}`);
}

/** What is signed is no record, certificate, CRL, request or answer of a ceremony: each begins with something else. */
function signedOctets(keystoreId: string, line: string): Uint8Array {
  const encode = (value: string) => new TextEncoder().encode(value);
  return concatBytes(encode('cluster-ca v1 token note\0'), fromHex(keystoreId), encode(line));
}

async function readLeft(path: string): Promise<LeftNote | undefined> {
  try {
    const status = await lstat(path);
    if (!status.isFile() || status.uid !== process.geteuid?.()) return undefined;
    const match = /^([^\n]+)\n(?:([0-9a-f]{2,4096})\n)?$/.exec(await readFile(path, 'utf8'));
    const [, line, signature] = match as unknown as [string, string, string | undefined];
    const { uri: text, algorithm, host, pid, start } = note(decodeCanonical(line, path), path);
    const own = maker();
    const alive = pid === own.pid ? start === own.start : isAlive(pid);
    if (host === own.host ? alive : Date.now() - status.mtimeMs <= DAY) return undefined;
    const { id, ...uri } = parseTokenUri(text);
    if (id === undefined) return undefined;
    const isBy = ({ keystoreId, verify }: NoteAuthor): boolean =>
      signature !== undefined && verify(signedOctets(keystoreId, line), fromHex(signature));
    return { path, uri: { ...uri, id }, algorithm, isBy };
  } catch {
    // Half written: the key was not made yet.
    return undefined;
  }
}
