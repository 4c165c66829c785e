import { join, resolve } from 'node:path';
import type { Context } from '../context.ts';
import { checkPlaceIsFree } from '../keystore/creation/place.ts';
import { newKeystoreLocation } from '../keystore/locate.ts';
import type { Prompts } from '../ui/prompts.ts';
import { validated } from './questions.ts';

/** Where a keystore of this name goes when nobody says otherwise, or where the options say. */
export function placeFor(ctx: Context, cluster: string): string {
  const keystore = ctx.globals.keystore ?? ctx.env.CLUSTER_CA_KEYSTORE;
  return newKeystoreLocation({ keystore, cluster, env: ctx.env, cwd: ctx.cwd }, cluster);
}

/** Asks where; undefined for the default place. */
export async function askPlace(ctx: Context, cluster: string, prompts: Prompts): Promise<string | undefined> {
  const usual = placeFor(ctx, cluster);
  if (ctx.globals.keystore !== undefined || ctx.env.CLUSTER_CA_KEYSTORE !== undefined) return usual;
  const path = (text: string): string => resolve(ctx.cwd, homePath(text, ctx.env));
  const text = await prompts.ask(
    'The keystore:',
    usual,
    validated((typed) => checkPlaceIsFree(path(typed))),
  );
  return path(text) === usual ? undefined : path(text);
}

/** `~/x` as the shell would have read it. */
export function homePath(text: string, env: Context['env']): string {
  return text.startsWith('~/') && env.HOME !== undefined ? join(env.HOME, text.slice(2)) : text;
}
