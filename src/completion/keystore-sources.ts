import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, openKeystore } from '../context.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { keystoreHome } from '../keystore/locate.ts';
import type { Options, Sources } from './complete.ts';

/** More than anybody reads; a fleet's names are narrowed down by typing. */
const MOST_NAMES = 500;

/** Names from the keystore that the command line means; nothing where there is none. */
export function keystoreSources(ctx: Context): Sources {
  const open = async <T>(options: Options, read: (keystore: Keystore) => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await read(await openKeystore({ ...ctx, globals: { ...ctx.globals, ...place(options, ctx) } }));
    } catch {
      return otherwise;
    }
  };
  return {
    names: (kinds, prefix, options) =>
      open(
        options,
        (keystore) =>
          keystore.query(async (index) => {
            const found = [];
            for (const kind of kinds) found.push(...(await index.namesFrom(kind, prefix, MOST_NAMES)));
            return [...new Set(found)];
          }),
        [],
      ),
    authorities: (options) => open(options, async ({ state }) => state.authorities.map(({ id }) => id), []),
    slots: (options) => open(options, async ({ state }) => [...new Set(state.slots.map(({ name }) => name))], []),
    planes: (options) => open(options, async ({ state }) => state.policy.planes, ['control', 'data']),
    clusters: async () => {
      const home = keystoreHome(ctx.env);
      return readdirSync(home).filter((name) => !name.startsWith('.') && existsSync(join(home, name, 'KEYSTORE')));
    },
  };
}

function place(options: Options, { env }: Context): { keystore?: string; cluster?: string } {
  const [keystore] = options.get('--keystore') ?? [];
  const [cluster] = options.get('--cluster') ?? [];
  // The shell hands over words as they were typed.
  const home = keystore?.startsWith('~/') ? join(env.HOME ?? '~', keystore.slice(2)) : keystore;
  return { ...(home === undefined ? {} : { keystore: home }), ...(cluster === undefined ? {} : { cluster }) };
}
