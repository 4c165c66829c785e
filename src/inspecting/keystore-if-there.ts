import { type Context, openKeystore } from '../context.ts';
import { isClusterCaError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';

/** The keystore, for what can do without one: undefined when there is none. One that was named must be there. */
export async function keystoreIfThere(ctx: Context): Promise<Keystore | undefined> {
  try {
    return await openKeystore(ctx);
  } catch (error) {
    const named = ctx.globals.keystore ?? ctx.globals.cluster ?? ctx.env.CLUSTER_CA_KEYSTORE;
    if (named === undefined && isClusterCaError(error, 'ERR_KEYSTORE_ABSENT', 'ERR_USAGE')) return undefined;
    throw error;
  }
}
