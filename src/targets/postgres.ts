import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { trustNotTaken } from './announced-trust.ts';
import { cycleStreams, type Moment, momentOf, oldSessions } from './postgres-connections.ts';
import { postgresDialing } from './postgres-dialing.ts';
import { keyProblems, serverUser } from './postgres-key.ts';
import { type PostgresOptions, postgresOptions } from './postgres-options.ts';
import { readPostmaster } from './postgres-process.ts';
import { Psql } from './postgres-psql.ts';
import { configurationErrors, readSettings, settingProblems } from './postgres-settings.ts';
import { runCommand } from './run-command.ts';
import type { Change, OldConnections, Problem, Session, Situation, Target } from './target.ts';

/** Between two looks at whether it has read its files. Milliseconds. */
const PAUSE = 100;

/**
 * PostgreSQL reads its files at a reload, as one unit: when one is bad it keeps all it has, and says so in its log
 * alone. Every way to reload it claims success.
 */
export const postgresTarget: Target<PostgresOptions> = {
  kind: 'postgres',
  options: postgresOptions,
  abilities: ({ psql }) => ({
    certificate: 'reload',
    trust: 'reload',
    crl: 'every-level',
    combined: false,
    connections: psql === undefined ? 'none' : 'cycled',
  }),
  open: (situation) => {
    const { service, host, options, timeout } = situation;
    const session = new PostgresSession(situation);
    if (options.psql === undefined) return session;
    return new AskedSession(situation, session, new Psql(host, options.psql, service.label, timeout));
  },
  dialing: postgresDialing,
};

/** What can be done without a login. */
class PostgresSession implements Session {
  readonly #situation: Situation<PostgresOptions>;

  constructor(situation: Situation<PostgresOptions>) {
    this.#situation = situation;
  }

  async preflight(): Promise<Problem[]> {
    const { options, host, service } = this.#situation;
    const { pidFile, command, psql } = options;
    if (pidFile === undefined)
      return command === undefined && psql === undefined
        ? [
            {
              message: `the inventory does not say how ${service.label} is reloaded`,
              hint: `say it at ${service.where}: reload: { psql: [runuser, -u, postgres, --, psql] }, or { pidFile: PATH }, or { command: [PROGRAM, …] }`,
            },
          ]
        : [];
    return problems(async () => {
      const { dataDirectory } = await readPostmaster(host, pidFile);
      const user = await serverUser(host, dataDirectory);
      return user === undefined ? [] : keyProblems(this.#situation, user);
    });
  }

  /** A standby has a file that says so. */
  async rank(): Promise<number> {
    const { options, host } = this.#situation;
    if (options.pidFile === undefined) return 0;
    const { dataDirectory } = await readPostmaster(host, options.pidFile);
    return (await host.look(`${dataDirectory}/standby.signal`)) === undefined ? 1 : 0;
  }

  async reload(): Promise<void> {
    const { options, host } = this.#situation;
    const { command, pidFile, timeout } = options;
    if (command !== undefined) await runCommand(host, command, timeout);
    else if (pidFile !== undefined) await host.signal((await readPostmaster(host, pidFile)).pid, 'SIGHUP');
  }

  async proof({ trust }: Change): Promise<string | undefined> {
    const { service, host, files, timeout } = this.#situation;
    if (!trust || service.address === undefined) return undefined;
    const wrong = await trustNotTaken(
      service.address,
      { host, path: files.trustBundle },
      { starttls: 'postgres', timeout },
    );
    return wrong && `${wrong}: its log says why (SSL configuration was not reloaded)`;
  }

  async close(): Promise<void> {}
}

/** With psql it can be asked, too. */
class AskedSession implements Session {
  readonly #situation: Situation<PostgresOptions>;
  readonly #plain: PostgresSession;
  readonly #psql: Psql;
  /** When it has read its files for this run, by its clock. */
  #loaded: Moment | undefined;

  constructor(situation: Situation<PostgresOptions>, plain: PostgresSession, psql: Psql) {
    this.#situation = situation;
    this.#plain = plain;
    this.#psql = psql;
  }

  async preflight(change: Change): Promise<Problem[]> {
    const found = await this.#plain.preflight();
    return [...found, ...(await problems(() => this.#asked(change)))];
  }

  async rank(): Promise<number> {
    const { standby } = await this.#psql.row(
      'select pg_is_in_recovery() as standby',
      z.object({ standby: z.boolean() }),
    );
    return standby ? 0 : 1;
  }

  /** Its own function, unless something else is said; then it is waited for until it has read its configuration. */
  async reload(): Promise<void> {
    const { options, service, timeout } = this.#situation;
    const before = await this.#loadTime();
    if (options.command !== undefined || options.pidFile !== undefined) await this.#plain.reload();
    else await this.#psql.row('select pg_reload_conf() as sent', z.object({ sent: z.literal(true) }));
    const deadline = Date.now() + timeout;
    for (;;) {
      const now = await this.#loadTime();
      if (now !== before) {
        this.#loaded = `to_timestamp(${now})`;
        return;
      }
      if (Date.now() > deadline) break;
      await sleep(PAUSE);
    }
    const [error] = await configurationErrors(this.#psql);
    const why = error === undefined ? '' : `: ${error}`;
    throw new ClusterCaError('ERR_REMOTE', `${service.label} was told to reload, and has not${why}`, {
      hint: error === undefined ? 'is that command the reload of this server? its log says more' : 'mend that first',
    });
  }

  async proof(change: Change): Promise<string | undefined> {
    return this.#plain.proof(change);
  }

  async connections(since: Date): Promise<OldConnections> {
    return oldSessions(this.#psql, this.#loaded ?? momentOf(since));
  }

  async cycle(since: Date): Promise<void> {
    await cycleStreams(this.#psql, this.#loaded ?? momentOf(since), this.#situation.timeout);
  }

  async close(): Promise<void> {
    await this.#plain.close();
  }

  async #asked(change: Change): Promise<Problem[]> {
    const { host, options, service } = this.#situation;
    const settings = await readSettings(this.#psql);
    const found = settingProblems(this.#situation, settings, change);
    const user =
      options.pidFile === undefined && settings.dataDirectory !== undefined
        ? await serverUser(host, settings.dataDirectory)
        : undefined;
    if (user !== undefined) found.push(...(await keyProblems(this.#situation, user)));
    for (const error of await configurationErrors(this.#psql))
      found.push({
        message: `${service.label} has an error in its configuration, with which it reloads nothing: ${error}`,
        hint: 'mend that first; its next start would fail by it',
      });
    const { role, may } = await this.#psql.row(
      `select current_user as role, has_function_privilege('pg_reload_conf()', 'execute') as may`,
      z.object({ role: z.string(), may: z.boolean() }),
    );
    if (!may && options.command === undefined && options.pidFile === undefined)
      found.push({
        message: `${service.label} does not let ${role} reload it`,
        hint: `GRANT EXECUTE ON FUNCTION pg_reload_conf() TO "${role}", as a superuser`,
      });
    return found;
  }

  async #loadTime(): Promise<string> {
    const { time } = await this.#psql.row(
      'select extract(epoch from pg_conf_load_time())::text as time',
      z.object({ time: z.string().regex(/^\d+(\.\d+)?$/) }),
    );
    return time;
  }
}

/** What cannot be asked is a problem as well. */
async function problems(look: () => Promise<Problem[]>): Promise<Problem[]> {
  try {
    return await look();
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return [{ message: error.message, hint: error.hint ?? 'docs/servers/postgres.md shows how it is asked' }];
  }
}
