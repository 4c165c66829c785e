import type { Token } from '../crypto/token/token.ts';
import { formatTokenUri, tokenName } from '../crypto/token/uri.ts';
import { isClusterCaError } from '../errors.ts';
import { toHex } from '../pki/encoding.ts';
import { type LeftNote, leftNotes, type NoteAuthor, removeNote } from './token-notes.ts';

// What killed runs have left in a token. A key is removed only when its keystore provably made it and never named it: the
// note is signed, no file names the key, no certificate in the log is over it, and nothing else in the token has its id.

/**
 * What is known of a key by its id: something durable names it for good; something does that may come to nothing, such as
 * a request; nothing does.
 */
export type Standing = 'named' | 'undecided' | 'orphan';

/** What a keystore, or its root domain, can say of keys in a token. */
export interface Claims {
  /** Whose notes are believed. */
  author: NoteAuthor;
  /** By what the files name. @param id in hex */
  standing: (id: string) => Promise<Standing>;
  /** The public keys (SubjectPublicKeyInfo, DER) that were ever certified, those of CAs that are gone too. */
  certified: readonly Uint8Array[];
}

/**
 * Removes from a token the keys that killed runs of this keystore have left, and tells of each. Keys of other tokens, of
 * runs that go on, and of which it cannot be told, stay; where a note is not this keystore's own, that is told too.
 */
export async function sweepToken(
  token: Token,
  location: string,
  { author, standing, certified }: Claims,
  warn: (message: string) => void,
): Promise<void> {
  for (const left of await leftNotes(token, location)) {
    const found = await standing(toHex(left.uri.id));
    if (found === 'undecided') continue;
    if (found === 'orphan' && token.hasKey(left.uri.id)) {
      if (!left.isBy(author)) {
        warn(`${describe(left)}: this keystore has not signed that note, and nothing is removed. ${advice(left)}`);
        continue;
      }
      if (!remove(token, left, certified, warn)) continue;
    }
    await removeNote(left.path).catch(() => {});
  }
}

/** @returns false when the key stays, and its note too */
function remove(
  token: Token,
  { uri, algorithm, path }: LeftNote,
  certified: readonly Uint8Array[],
  warn: (message: string) => void,
): boolean {
  const stays = (why: string): false => {
    warn(`the key ${formatTokenUri(keyOnly(uri))}, of which ${path} speaks, stays in the token: ${why}`);
    return false;
  };
  try {
    if (token.isOneOf(uri.id, algorithm, certified)) return true;
    if (!token.removeKey(uri.id, uri.object ?? '')) return stays('something else there has the same id');
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return stays(error.message);
  }
  warn(`a run that was killed had left a key in the token ${tokenName(uri)}: ${uri.object} was removed there`);
  return true;
}

/**
 * Tells of keys in a token that runs of `init` for this place have noted and left. Nothing is removed: where they did come
 * to their end, a keystore that is somewhere else by now has that key.
 * @param waiting the id, in hex, of the key of a request that waits there
 */
export async function tellOfLeftKeys(
  token: Token,
  location: string,
  waiting: string | undefined,
  warn: (message: string) => void,
): Promise<void> {
  for (const left of await leftNotes(token, location)) {
    if (toHex(left.uri.id) === waiting) continue;
    if (token.hasKey(left.uri.id)) warn(`${describe(left)}. ${advice(left)}`);
    else await removeNote(left.path).catch(() => {});
  }
}

function describe({ uri, path }: LeftNote): string {
  return `${path} says that a run which did not end made a key in the token ${tokenName(uri)}: ${uri.object}`;
}

function advice({ uri }: LeftNote): string {
  return `If no keystore has it, remove ${formatTokenUri(keyOnly(uri))} with the token's own tools; then that file is of no use`;
}

/** How a key is named to other tools: not how to come to it. */
function keyOnly({ token, serial, object, id }: LeftNote['uri']): LeftNote['uri'] {
  return {
    ...(token === undefined ? {} : { token }),
    ...(serial === undefined ? {} : { serial }),
    ...(object === undefined ? {} : { object }),
    id,
  };
}
