import type { KeyMaker } from '../authority/make.ts';
import { makeNotedKey, type NotedKey, tokenIdIn } from '../authority/token-notes.ts';
import { tellOfLeftKeys } from '../authority/token-sweep.ts';
import type { Context } from '../context.ts';
import { openToken } from '../crypto/token/token.ts';
import { parseTokenUri, type TokenUri } from '../crypto/token/uri.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { readIdentityAt } from '../keystore/creation/root-domain.ts';
import { pinSource } from '../unlocking.ts';
import { pendingKeyFile } from './external/pending.ts';
import type { InitOptions } from './options.ts';

/** Which CA's key goes into which token. With `--root-keystore` the root's is sealed there, unless it has a token of its own. @throws ERR_USAGE */
export function tokensFor({ token, rootToken, rootKeystore }: InitOptions): { root?: TokenUri; issuing?: TokenUri } {
  const root = rootToken ?? (rootKeystore === undefined ? token : undefined);
  return {
    ...(root === undefined ? {} : { root: newKeyIn(root) }),
    ...(token === undefined ? {} : { issuing: newKeyIn(token) }),
  };
}

/** A key is made, not taken: who names one means another thing. */
function newKeyIn(text: string): TokenUri {
  const uri = parseTokenUri(text);
  if (uri.object !== undefined || uri.id !== undefined)
    throw new ClusterCaError('ERR_USAGE', `init makes its keys itself, and ${text} names one`, {
      hint: 'leave object= and id= out of the URI of the token',
    });
  return uri;
}

/**
 * Opens the tokens that `init` was given, and tells of what killed runs for the same places have left there.
 * @param places where the keystore will be, and its root domain where that is elsewhere: both are free
 * @returns who makes the keys there, and `keepIf`, which takes the keys back when what they were for fails
 * @throws as `openToken`
 */
export async function openTokens(
  ctx: Context,
  options: InitOptions,
  places: { main: string; root?: string | undefined },
) {
  const uris = tokensFor(options);
  const made: NotedKey[] = [];
  const maker = async (uri: TokenUri | undefined, place: string): Promise<KeyMaker | undefined> => {
    if (uri === undefined) return undefined;
    const token = await openToken(uri, pinSource(ctx, options));
    await tellOfLeftKeys(token, place, tokenIdIn(await pendingKeyFile(place)), (message) => ctx.ui.warn(message));
    return async (keyType, name) => {
      const key = await makeNotedKey(token, { location: place }, keyType, name);
      made.push(key);
      return key;
    };
  };
  return {
    makers: {
      root: await maker(uris.root, places.root ?? places.main),
      issuing: await maker(uris.issuing, places.main),
    },
    async keepIf<T>(work: Promise<T>): Promise<T> {
      let result: T;
      try {
        result = await work;
      } catch (error) {
        // What is left in the token is of no use to anybody; the first error is the one to tell.
        if (!(await isNamedAt(places.main, error))) for (const { discard } of made) await discard().catch(() => {});
        throw error;
      }
      // A note that stays is told of by the next run for this place, which removes nothing because of it.
      for (const { kept } of made) await kept().catch((error: Error) => ctx.ui.warn(error.message));
      return result;
    },
  };
}

/**
 * Whether a keystore, or a request, came to its place before the error, and so names the keys: where only the durability
 * of its name failed. What was there already (ERR_EXISTS) is somebody else's.
 */
async function isNamedAt(place: string, error: unknown): Promise<boolean> {
  if (isClusterCaError(error, 'ERR_EXISTS')) return false;
  return readIdentityAt(place) !== undefined || (await pendingKeyFile(place).catch(() => undefined)) !== undefined;
}
