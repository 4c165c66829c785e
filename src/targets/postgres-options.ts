import * as z from 'zod';
import { argv, COMMAND_PATIENCE, duration, path } from './options.ts';

/** What `reload` says of a PostgreSQL in the inventory. */
export const postgresOptions = z.strictObject({
  /** The server's postmaster.pid: its first line is the process that takes SIGHUP. */
  pidFile: path.optional(),
  /** psql, as a role that may reload, with all that it needs to connect; ours is added. */
  psql: argv.optional(),
  /** What reloads it, where neither of them should. */
  command: argv.optional(),
  timeout: duration.default(COMMAND_PATIENCE),
});

export type PostgresOptions = z.infer<typeof postgresOptions>;
