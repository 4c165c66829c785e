import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import type { Hosts } from '../../hosts/hosts.ts';
import { phaseOf } from '../../keystore/hierarchy.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import type { StepObject } from '../document.ts';
import { needsRootDomain, type Phase } from '../phase.ts';
import { type Blocker, blockingHolders } from '../planning/blocker.ts';
import { stepText } from '../planning/board.ts';
import { attemptKey, nextStep, type Step } from '../planning/planner.ts';
import type { Situation } from '../planning/situation.ts';
import { withFailures } from './blocked.ts';
import { Commits } from './commit.ts';
import { deployTo, replaceCertificates } from './deploy.ts';
import { Deployed } from './deployed.ts';
import { excludeHolders } from './exclude.ts';
import { Looks } from './look.ts';
import { Others } from './others.ts';
import type { Ran, RunRequest } from './request.ts';
import { addStep } from './steps.ts';

/** Between two looks at who is waited for, milliseconds. */
const PAUSE = 1000;

/**
 * Takes a rollover on, or back. Before every step the proofs are taken anew, and the guard is asked once more on the
 * newest log, right before its record. Killed anywhere, the same command goes on from where the log and the services are.
 */
export async function runRollover(
  ctx: Context,
  writer: KeystoreWriter,
  hosts: Hosts,
  request: RunRequest,
): Promise<Ran> {
  const run = new Run(ctx, writer, hosts, request);
  try {
    return await run.all();
  } catch (error) {
    throw withCommitted(error, run.issued);
  } finally {
    run.close();
  }
}

/** A failure of the storage behind a commit says what was issued; the same command goes on with it. */
function withCommitted(error: unknown, issued: readonly string[]): unknown {
  if (issued.length === 0 || !isClusterCaError(error, 'ERR_STORAGE')) return error;
  const { code, message, hint, details } = error;
  return new ClusterCaError(code, message, { hint, details: { ...details, committed: issued }, cause: error });
}

class Run {
  readonly #ctx: Context;
  readonly #writer: KeystoreWriter;
  readonly #request: RunRequest;
  readonly #requestId: string;
  /** The serials of what this run has issued. */
  readonly issued: string[] = [];
  readonly #steps: StepObject[] = [];
  readonly #deployed = new Deployed();
  readonly #looks: Looks;
  readonly #commits: Commits;
  readonly #others: Others;
  #attempted = new Set<string>();
  #committed = 0;
  #phase: Phase | undefined;

  constructor(ctx: Context, writer: KeystoreWriter, hosts: Hosts, request: RunRequest) {
    this.#ctx = ctx;
    this.#writer = writer;
    this.#request = request;
    this.#requestId = request.requestId ?? newRequestId();
    this.#looks = new Looks(ctx, writer, hosts, request, this.#requestId);
    this.#commits = new Commits(ctx, writer, request, this.#requestId);
    this.#others = new Others(writer.keystore);
  }

  close(): void {
    this.#looks.close();
    this.#ctx.ui.endProgress();
  }

  async all(): Promise<Ran> {
    for (;;) {
      const phase = phaseOf(this.#writer.keystore.state);
      try {
        const ran = await this.#goOn();
        if (ran !== undefined) return ran;
      } catch (error) {
        if (this.#request.until !== 'end' || !(await this.#others.moved(error, phase))) throw error;
        this.#startOver();
      }
    }
  }

  /** One look, and one step. @returns nothing when there is more to do */
  async #goOn(): Promise<Ran | undefined> {
    const situation = await this.#looks.look();
    if (situation.rollover.phase !== this.#phase) this.#enter(situation.rollover.phase);
    const step = this.#next(situation);
    const over = step.do === 'nothing' || (this.#committed > 0 && this.#enough(step));
    if (over) return this.#ran(situation);
    if (this.#isLeft(step)) return { ...this.#ran(situation), left: step };
    if (step.do !== 'blocked') {
      await this.#take(step, situation);
      return undefined;
    }
    if (this.#mayWait(situation, step.blockers)) {
      this.#ctx.ui.progress(`waiting for ${blockingHolders(step.blockers).join(', ')}: left out when the time is over`);
      await sleep(PAUSE);
      this.#attempted = new Set();
    } else if (this.#request.until === 'end' && (await this.#others.atWork(PAUSE))) this.#startOver();
    else {
      const blocked = withFailures(step.blockers, ({ holder }) => holder?.name, this.#deployed.all);
      return { ...this.#ran(situation), blocked };
    }
    return undefined;
  }

  /** Whose services nobody knows has not missed a time: without an inventory nobody is left out. */
  #next(situation: Situation): Step {
    const { direction, inventory } = this.#request;
    return nextStep(situation, { direction, attempted: this.#attempted, mayLeaveOut: inventory !== undefined });
  }

  /** By us or by somebody else: what was tried before is to be tried anew, and what failed before is proven by now. */
  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#attempted = new Set();
    this.#deployed.forgetFailures();
  }

  /** Somebody else is at work: what we tried, and what came of it, is not of now. */
  #startOver(): void {
    this.#attempted = new Set();
    this.#deployed.clear();
  }

  /** In an emergency `run` asks again until the time of the phase is over; then they are left out. */
  #mayWait({ rollover }: Situation, blockers: readonly Blocker[]): boolean {
    const { until, direction } = this.#request;
    if (until !== 'end' || direction !== 'forward' || rollover.deadline === undefined) return false;
    return blockers.every(({ holder }) => holder !== undefined);
  }

  /** `advance` ends before the next record; what its own phase wants is deployed first. */
  #enough(step: Step): boolean {
    if (this.#request.until === 'end') return false;
    return step.do === 'commit' || step.do === 'blocked' || step.do === 'exclude';
  }

  #isLeft(step: Step): step is Step & { do: 'commit' } {
    return this.#request.root === undefined && step.do === 'commit' && needsRootDomain(step.from, step.to);
  }

  #ran(situation: Situation): Ran {
    return { steps: this.#steps, deployed: this.#deployed.all, situation };
  }

  async #take(step: Exclude<Step, { do: 'blocked' | 'nothing' }>, situation: Situation): Promise<void> {
    const { phase, form } = situation.rollover;
    this.#ctx.ui.progress(stepText(step, form));
    switch (step.do) {
      case 'deploy-trust':
        this.#deployed.keep(await deployTo(this.#ctx, this.#writer, this.#request, step.holders));
        for (const holder of step.holders) this.#attempted.add(attemptKey('deploy-trust', holder));
        break;
      case 'replace-certificates':
        this.#deployed.keep(
          await replaceCertificates(this.#ctx, this.#writer, this.#request, step.holders, step.issuer, this.issued),
        );
        for (const holder of step.holders) this.#attempted.add(attemptKey('replace-certificates', holder));
        break;
      case 'withdraw':
        await this.#commits.withdrawal(step, situation);
        this.#moved();
        break;
      case 'exclude':
        this.#request.warn(
          `left out, since the time of this phase is over: ${blockingHolders(step.blockers).join(', ')}`,
        );
        await this.#commits.inTurn(() => excludeHolders(this.#writer, this.#requestId, step.holders));
        break;
      case 'commit':
        await this.#commits.step(step, situation);
        this.#moved();
    }
    addStep(this.#steps, { phase: step.do === 'commit' ? step.to : phase, what: stepText(step, form) });
  }

  #moved(): void {
    this.#committed++;
    this.#others.forget();
    this.#attempted = new Set();
  }
}
