import * as z from 'zod';
import { address, argv, COMMAND_PATIENCE, duration } from './options.ts';

/** What `reload` says of an etcd in the inventory. */
export const etcdOptions = z.strictObject({
  /** What restarts it: for the trust bundle, which it reads at its start alone. */
  command: argv.optional(),
  timeout: duration.default(COMMAND_PATIENCE),
  /** Where its clients reach it, of a service that is its peer port. */
  clientAddress: address.optional(),
});

export type EtcdOptions = z.infer<typeof etcdOptions>;
