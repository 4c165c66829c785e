import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { type Address, parseAddress } from '../endpoint/address.ts';
import type { UnlockOptions } from '../unlocking.ts';
import { withPassphrase } from './options.ts';

interface ServeFlags extends UnlockOptions {
  listen?: string;
  httpListen?: string;
  inventory?: string;
}

/** What the daemon is told by the command line. */
export interface ServeOptions extends UnlockOptions {
  listen: Address;
  httpListen: Address | undefined;
  inventory: string | undefined;
}

/** @param run the daemon: commands do not know the server, whoever knows both hands it over */
export function serveCommand(ctx: Context, run?: (ctx: Context, options: ServeOptions) => Promise<void>): Command {
  const command = new Command('serve')
    .summary('issue and rotate over HTTPS with mutual TLS, by itself')
    .option('--listen <address:port>', 'where callers come to (default: 127.0.0.1:8443)')
    .option(
      '--http-listen <address:port>',
      'where anybody reads CRLs, the trust bundle, health and metrics (default: nowhere)',
    )
    .option('--inventory <file>', 'the cluster.yaml with the services that are rotated');
  return withPassphrase(command).action(async (flags: ServeFlags) => {
    const { listen = '127.0.0.1:8443', httpListen, inventory = ctx.env.CLUSTER_CA_INVENTORY, ...rest } = flags;
    const options = {
      ...rest,
      listen: parseAddress(listen),
      httpListen: httpListen === undefined ? undefined : parseAddress(httpListen),
      inventory: inventory === undefined ? undefined : resolve(ctx.cwd, inventory),
    };
    if (run === undefined) throw new Error('the daemon was not handed over');
    await run(ctx, options);
  });
}
