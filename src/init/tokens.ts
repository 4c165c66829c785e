import type { KeyMaker } from '../authority/make.ts';
import type { Context } from '../context.ts';
import { openToken } from '../crypto/token/token.ts';
import { parseTokenUri, type TokenUri } from '../crypto/token/uri.ts';
import { ClusterCaError } from '../errors.ts';
import { pinSource } from '../unlocking.ts';
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
 * Opens the tokens that `init` was given.
 * @returns who makes the keys there, and `keepIf`, which takes the keys back when what they were for fails
 * @throws as `openToken`
 */
export async function openTokens(ctx: Context, options: InitOptions) {
  const uris = tokensFor(options);
  const discards: (() => void)[] = [];
  const maker = async (uri: TokenUri | undefined): Promise<KeyMaker | undefined> => {
    if (uri === undefined) return undefined;
    const token = await openToken(uri, pinSource(ctx, options));
    return async (keyType, name) => {
      const { key, signer, discard } = await token.makeKey(keyType, name);
      discards.push(discard);
      return { key, signer };
    };
  };
  return {
    makers: { root: await maker(uris.root), issuing: await maker(uris.issuing) },
    async keepIf<T>(work: Promise<T>): Promise<T> {
      try {
        return await work;
      } catch (error) {
        for (const discard of discards)
          try {
            discard();
          } catch {
            // What is left in the token is of no use to anybody; the first error is the one to tell.
          }
        throw error;
      }
    },
  };
}
