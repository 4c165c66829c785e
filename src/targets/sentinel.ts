import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import { argv, COMMAND_PATIENCE, duration } from './options.ts';
import { RedisAdmin, redisLogin, userHasPassword } from './redis-admin.ts';
import { missingProgram, runCommand } from './run-command.ts';
import { configurationProblems } from './sentinel-configuration.ts';
import { lookAround, type Monitored, othersSeeIt } from './sentinel-view.ts';
import type { Problem, Session, Situation, Target } from './target.ts';

const options = z
  .strictObject({
    ...redisLogin,
    /** What restarts it: `[systemctl, restart, redis-sentinel]`. */
    command: argv,
    /** How long the command may take, after it the Sentinel until it answers, and then until it holds none for down. */
    timeout: duration.default(COMMAND_PATIENCE),
  })
  .refine(userHasPassword, 'user wants passwordFile');
type Options = z.infer<typeof options>;

/** What an ACL user of a Sentinel must be allowed. */
export const SENTINEL_RIGHTS =
  '+ping +info +sentinel|masters +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum +sentinel|myid';

const PAUSE = 200;

/** The restart that is under way in this process: the next waits, whatever --max-unavailable says. */
let restarting: Promise<void> = Promise.resolve();

/**
 * Redis Sentinel takes new files at a restart only. There is none that leads: a leader is elected for each failover, so
 * the order does not matter, and none is restarted during a failover or where the others would not be enough.
 */
export const sentinelTarget: Target<Options> = {
  kind: 'sentinel',
  options,
  abilities: () => ({
    certificate: 'restart',
    trust: 'restart',
    crl: 'none',
    combined: false,
    connections: 'none',
  }),
  open: (situation) => new SentinelSession(situation),
};

class SentinelSession implements Session {
  readonly #situation: Situation<Options>;
  readonly #admin: RedisAdmin;
  #before: Monitored[] | undefined;
  /** It was restarted in this session, or was about to be. */
  #tried = false;

  constructor(situation: Situation<Options>) {
    this.#situation = situation;
    this.#admin = new RedisAdmin(situation, SENTINEL_RIGHTS);
  }

  async preflight(): Promise<Problem[]> {
    const { service, host, options, warn } = this.#situation;
    const { label } = service;
    const problems = await missingProgram(host, options.command);
    try {
      if (!(await this.#answers())) return problems;
      this.#before = await lookAround(this.#admin);
      problems.push(...(await configurationProblems(this.#admin, this.#situation)));
      if (this.#before.length === 0) warn(`${label} watches nothing yet`);
      problems.push(...this.#objections(this.#before));
      for (const { name, usable, sentinels, needed } of this.#before)
        if (usable === sentinels && usable - 1 < needed)
          warn(
            `${label}: while it restarts ${name} has no failover: ${sentinels === 1 ? 'it is the only sentinel' : `${sentinels} sentinels, of which ${needed} are needed`}`,
          );
      return problems;
    } catch (error) {
      if (!(error instanceof ClusterCaError)) throw error;
      return [{ message: error.message, hint: error.hint ?? 'cluster-ca verify --inventory FILE looks at it' }];
    }
  }

  /** Why it is not to be restarted now. */
  #objections(now: readonly Monitored[]): Problem[] {
    const { label } = this.#situation.service;
    return now.flatMap(({ name, usable, sentinels, needed, failingOver }) => {
      if (failingOver)
        return [{ message: `${label}: ${name} is failing over`, hint: 'wait until it has ended, then run again' }];
      // Where there are too few as it is, a restart is no worse for longer than it takes; one that sees nobody may be cured.
      if (usable - 1 >= needed || usable === sentinels || usable === 1) return [];
      return [
        {
          message: `${label}: only ${usable} of ${sentinels} sentinels of ${name} can be used, and ${needed} must be left without this one`,
          hint: `SENTINEL SENTINELS ${name} says which are down: they first`,
        },
      ];
    });
  }

  /** Broken TLS is no obstacle: the restart is the cure, and needs no connection. */
  async #answers(): Promise<boolean> {
    try {
      await this.#admin.open();
      return true;
    } catch (error) {
      if (!(error instanceof ClusterCaError) || error.code === 'ERR_CONFIG') throw error;
      if (['refused', 'untrusted'].includes(String(error.details?.reason))) throw error;
      this.#situation.warn(`${this.#situation.service.label} cannot be asked before it is restarted: ${error.message}`);
      return false;
    }
  }

  async reload(): Promise<void> {
    const mine = restarting.catch(() => {}).then(() => this.#restart());
    restarting = mine;
    await mine;
  }

  async #restart(): Promise<void> {
    const { host, options } = this.#situation;
    await this.#checkAgain();
    const process = await this.#process().catch(onlyOurs);
    await runCommand(host, options.command, options.timeout);
    await this.#restarted(typeof process === 'string' ? process : undefined);
    await this.#settled();
  }

  /** Another may have been restarted since the pre-flight. Never before putting back: what it sees then is of the new files. */
  async #checkAgain(): Promise<void> {
    if (this.#before === undefined || this.#tried) return;
    this.#tried = true;
    const [objection] = this.#objections(await lookAround(this.#admin));
    if (objection !== undefined) throw new ClusterCaError('ERR_REMOTE', objection.message, { hint: objection.hint });
  }

  /** Whether the other sentinels hold it for down, as they do when they do not accept what it shows. */
  async proof(): Promise<string | undefined> {
    const { service } = this.#situation;
    const complaint = await othersSeeIt(this.#admin, this.#situation);
    return complaint === undefined ? undefined : `${service.label}: ${complaint}`;
  }

  async close(): Promise<void> {
    this.#admin.close();
  }

  /** What tells one process from the next. @throws ERR_REMOTE, ERR_TIMEOUT */
  async #process(): Promise<string | undefined> {
    return /^run_id:(\w+)/m.exec(String(await this.#admin.call('INFO', 'server')))?.[1];
  }

  /** Another process answers over TLS. */
  async #restarted(process: string | undefined): Promise<void> {
    const { service, options } = this.#situation;
    const { timeout } = options;
    const deadline = Date.now() + timeout;
    for (;;) {
      this.#admin.close();
      const now = await this.#process().catch(onlyOurs);
      if (typeof now === 'string' && now !== process) return;
      if (Date.now() > deadline)
        throw new ClusterCaError(
          'ERR_TIMEOUT',
          typeof now === 'string'
            ? `${service.label} is the same process as before: the command has not restarted it`
            : `${service.label} does not answer ${timeout / 1000} s after its restart: ${now?.message}`,
          {
            hint:
              typeof now === 'string' ? 'what does the command of its reload in the inventory do?' : 'its log says why',
          },
        );
      await sleep(PAUSE);
    }
  }

  /**
   * It knows again what it watches. `SENTINEL CKQUORUM` says usable too early: whom it cannot reach it holds for down
   * only after down-after-milliseconds.
   */
  async #settled(): Promise<void> {
    const { service, options } = this.#situation;
    const since = Date.now();
    for (;;) {
      const now = await lookAround(this.#admin);
      const downAfter = Math.max(0, ...now.map((one) => one.downAfter));
      const trouble = this.#newTrouble(now);
      const past = Date.now() - since;
      if (trouble === undefined && past > downAfter + 2 * PAUSE) return;
      if (trouble !== undefined && past > downAfter + options.timeout)
        throw new ClusterCaError('ERR_REMOTE', `${service.label}, after its restart: ${trouble}`, {
          hint: 'its log says why it does not reach it',
        });
      await sleep(PAUSE);
    }
  }

  /** What is wrong now and was not before. */
  #newTrouble(now: readonly Monitored[]): string | undefined {
    for (const { name, down, quorum, masterIsDown, instances } of now) {
      const before = this.#before?.find((one) => one.name === name);
      if (before?.quorum !== false && !quorum) return `SENTINEL CKQUORUM ${name} says that there is no quorum`;
      const news = down.filter((one) => before?.down.includes(one) !== true);
      // When it could not be asked before, what is down may have been so for long: all is not.
      const [first] = before === undefined && news.length < instances ? [] : news;
      if (first !== undefined) return `it holds ${first} of ${name} for down`;
      if (masterIsDown && before?.masterIsDown !== true) return `it holds ${name} for down`;
    }
    const gone = this.#before?.find(({ name }) => !now.some((one) => one.name === name));
    return gone === undefined ? undefined : `it does not watch ${gone.name} any more`;
  }
}

/** What was thrown, as a value, when it is of the service. */
function onlyOurs(error: unknown): ClusterCaError {
  if (error instanceof ClusterCaError) return error;
  throw error;
}
