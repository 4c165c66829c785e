import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { trustNotTaken } from './announced-trust.ts';
import { nginxDialing } from './nginx-dialing.ts';
import { argv, duration, path, port } from './options.ts';
import { childrenOf, noProcess, readPid, titleOf } from './processes.ts';
import { checkCommand, missingProgram, runCommand } from './run-command.ts';
import type { Change, Problem, Session, Situation, Target } from './target.ts';

const options = z
  .strictObject({
    /** The master's: it is sent HUP, and its workers are looked at. */
    pidFile: path.optional(),
    /** Instead of HUP; with a pid file the workers are looked at as well. */
    command: argv.optional(),
    /** `nginx -t`, before each reload. */
    test: argv.optional(),
    /** How long a reload may take until there are new workers. */
    timeout: duration.optional(),
    /** A location of its configuration that leads to this port of 127.0.0.1, by TLS: in a rollover, an end of ours. */
    connectProbe: z
      .strictObject({
        path: z.string().regex(/^\/[\w.~/-]*$/, 'a path'),
        port,
      })
      .optional(),
  })
  .refine(({ pidFile, command }) => pidFile !== undefined || command !== undefined, 'nginx wants pidFile or command');
type Options = z.infer<typeof options>;

const PAUSE = 50;
/** A worker without open requests is gone within this time. */
const LEAVING = 1_000;

/**
 * nginx reads its files at a reload only; new workers serve with them, old ones finish what they have. When one file
 * does not load, the whole configuration of before stays, and only the error log says so.
 */
export const nginxTarget: Target<Options> = {
  kind: 'nginx',
  options,
  abilities: () => ({
    certificate: 'reload',
    trust: 'reload',
    crl: 'every-level',
    combined: false,
    connections: 'none',
  }),
  open: (situation) => new NginxSession(situation),
  dialing: nginxDialing,
};

class NginxSession implements Session {
  readonly #situation: Situation<Options>;

  constructor(situation: Situation<Options>) {
    this.#situation = situation;
  }

  async preflight(): Promise<Problem[]> {
    const { service, host, options, warn } = this.#situation;
    try {
      if (options.pidFile !== undefined) await this.#master(options.pidFile);
      await this.#test();
      return await missingProgram(host, options.command);
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      // What is wrong with the very files that are to be replaced is no obstacle to the cure.
      if (!String(error.details?.said).includes(`${service.dir}/`))
        return [{ message: error.message, hint: error.hint ?? `is nginx running on ${host.label}?` }];
      warn(`${service.label}, with the files that it has now: ${error.message}`);
      return [];
    }
  }

  async reload(): Promise<void> {
    const { host, options } = this.#situation;
    const { pidFile, command } = options;
    await this.#test();
    const before = pidFile === undefined ? undefined : await this.#workers(pidFile);
    if (command !== undefined) await runCommand(host, command, this.#timeout);
    else if (pidFile !== undefined) await host.signal(await this.#master(pidFile), 'SIGHUP');
    if (pidFile !== undefined && before !== undefined && before.length > 0) await this.#taken(pidFile, before);
  }

  /** Whom it trusts it tells to whoever connects. */
  async proof({ trust }: Change): Promise<string | undefined> {
    const { service, host, files, timeout } = this.#situation;
    if (!trust || service.address === undefined) return undefined;
    return trustNotTaken(service.address, { host, path: files.trustBundle }, { timeout });
  }

  async close(): Promise<void> {}

  get #timeout(): number {
    return this.#situation.options.timeout ?? this.#situation.timeout;
  }

  async #test(): Promise<void> {
    const { host, options, timeout } = this.#situation;
    if (options.test !== undefined) await checkCommand(host, options.test, timeout, /\[emerg\] (?:\d+#\d+: )?(.*)/);
  }

  /** @throws ERR_REMOTE when it does not run */
  async #master(pidFile: string): Promise<number> {
    const { host, service } = this.#situation;
    const pid = await readPid(host, pidFile);
    if (pid === undefined) throw noProcess(service.label, pidFile);
    return pid;
  }

  /** Its processes; undefined where they cannot be seen. */
  async #workers(pidFile: string): Promise<number[] | undefined> {
    return childrenOf(this.#situation.host, await this.#master(pidFile));
  }

  /** Waits until there are new workers and the old ones take no new connections. */
  async #taken(pidFile: string, before: readonly number[]): Promise<void> {
    const { host, service, warn } = this.#situation;
    const timeout = this.#timeout;
    const deadline = Date.now() + timeout;
    for (;;) {
      await sleep(PAUSE);
      // A restart has no pid file for a moment.
      const now = await this.#workers(pidFile).catch(() => undefined);
      const isNew = now?.some((pid) => !before.includes(pid)) === true;
      if (isNew && !(await serves(host, before))) break;
      if (Date.now() > deadline)
        throw new ClusterCaError(
          'ERR_TIMEOUT',
          `${service.label} has no new workers ${timeout / 1000} s after its reload: it goes on with what it had`,
          { hint: 'its error log says why: [emerg]' },
        );
    }
    if (await stay(host, before))
      warn(`${service.label}: an old worker goes on with the old files until its requests and connections end`);
  }
}

/** Whether one of these takes new connections. */
async function serves(host: Host, pids: readonly number[]): Promise<boolean> {
  const titles = await Promise.all(pids.map((pid) => titleOf(host, pid)));
  return titles.some((title) => title !== '' && !title.includes('shutting down'));
}

async function stay(host: Host, pids: readonly number[]): Promise<boolean> {
  const deadline = Date.now() + LEAVING;
  for (;;) {
    const titles = await Promise.all(pids.map((pid) => titleOf(host, pid)));
    if (titles.every((title) => title === '')) return false;
    if (Date.now() > deadline) return true;
    await sleep(PAUSE);
  }
}
