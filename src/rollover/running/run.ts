import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import type { ServiceObject } from '../../deployment/document.ts';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import type { Hosts } from '../../hosts/hosts.ts';
import type { Service } from '../../inventory/services.ts';
import { phaseOf } from '../../keystore/hierarchy.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import type { OpenedDomain } from '../../unlocking.ts';
import { abandonRollover } from '../abandon.ts';
import type { StepObject } from '../document.ts';
import { gatherProofs, recordProofs } from '../evidence/gather.ts';
import { forgetProbes, makeProbes, type Probes } from '../evidence/probes.ts';
import { situationOf } from '../evidence/situation.ts';
import { hasAgent } from '../evidence/subjects.ts';
import { type FinishRequest, finishRollover } from '../finish.ts';
import { needsRootDomain, type Phase } from '../phase.ts';
import { type Blocker, blockingHolders } from '../planning/blocker.ts';
import { boardBlocker, stepText } from '../planning/board.ts';
import { attemptKey, type Direction, nextStep, type Step } from '../planning/planner.ts';
import type { Proof } from '../planning/proof.ts';
import type { Situation } from '../planning/situation.ts';
import { commitStep, commitWithdrawal } from '../step.ts';
import { type AgentNodes, agentNodesOf, untold } from './agent-nodes.ts';
import { deployTo, type Reach, replaceCertificates } from './deploy.ts';
import { excludeHolders } from './exclude.ts';
import { warnOfOpen } from './open-services.ts';
import { Others } from './others.ts';
import { warnOfCopies, warnOfWeaker } from './warnings.ts';

/** Between two looks at who is waited for, milliseconds. */
const PAUSE = 1000;
/** Probes are made anew when they are this old: they last for an hour. */
const PROBES_LAST = 30 * 60_000;

export interface RunRequest extends Reach {
  services: readonly Service[];
  direction: Direction;
  /** One step, and what its phase has deployed then; or on, until the end or a guard that does not hold. */
  until: 'step' | 'end';
  /**
   * Opens the root domain: asked for when, and only when, a key of a root is destroyed. Undefined where that must not
   * be: then the step that needs it is left.
   */
  root: (() => Promise<OpenedDomain>) | undefined;
  /** The root domain never comes here: what was signed there, and its keys are removed there. */
  carried?: { lastCrl?: (writer: KeystoreWriter) => FinishRequest['lastCrl'] } | undefined;
  /** Who asks the agents of the nodes that have one. */
  agents: AgentNodes;
  /** The id of its records; one of its own without. */
  requestId?: string;
}

/** What a run has done. */
export interface Ran {
  steps: StepObject[];
  /** The last word on each service that was deployed to. */
  deployed: ServiceObject[];
  /** With the proofs of now. */
  situation: Situation;
  /** Who or what has stopped it. */
  blocked?: readonly Blocker[];
  /** The step that was left, because it needs the root domain. */
  left?: Step & { do: 'commit' };
}

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
  readonly #hosts: Hosts;
  readonly #request: RunRequest;
  readonly #requestId: string;
  /** The serials of what this run has issued. */
  readonly issued: string[] = [];
  readonly #steps: StepObject[] = [];
  readonly #deployed = new Map<string, ServiceObject>();
  #probes: { made: number; probes: Probes } | undefined;
  #attempted = new Set<string>();
  #committed = 0;
  #phase: Phase | undefined;
  readonly #others: Others;

  constructor(ctx: Context, writer: KeystoreWriter, hosts: Hosts, request: RunRequest) {
    this.#ctx = ctx;
    this.#writer = writer;
    this.#hosts = hosts;
    this.#request = request;
    this.#others = new Others(writer.keystore);
    this.#requestId = request.requestId ?? newRequestId();
  }

  close(): void {
    if (this.#probes !== undefined) forgetProbes(this.#probes.probes);
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
    const situation = await this.#look();
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
    else return { ...this.#ran(situation), blocked: step.blockers };
    return undefined;
  }

  /** By us or by somebody else: what was tried before is to be tried anew, and what failed before is proven by now. */
  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#attempted = new Set();
    for (const [key, { state }] of this.#deployed)
      if (state === 'failed' || state === 'pending') this.#deployed.delete(key);
  }

  /** Somebody else is at work: what we tried, and what came of it, is not of now. */
  #startOver(): void {
    this.#attempted = new Set();
    this.#deployed.clear();
  }

  #next(situation: Situation): Step {
    return nextStep(situation, { direction: this.#request.direction, attempted: this.#attempted });
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
    return { steps: this.#steps, deployed: [...this.#deployed.values()], situation };
  }

  /** Everybody's proofs, taken now, and recorded. */
  async #look(): Promise<Situation> {
    const { keystore } = this.#writer;
    const { now, ui, globals } = this.#ctx;
    const since = now().getTime();
    await keystore.refresh();
    const { services } = this.#request;
    // Nobody has heard of the new root yet, or there is none: there is nothing to ask.
    if (['stable', 'prepared', 'done'].includes(phaseOf(keystore.state)))
      return situationOf(keystore, { services, proofs: [], now: now(), since });
    const gated = this.#gated();
    const nodes = await agentNodesOf(keystore);
    const ours = gated.filter((service) => !hasAgent(service, { nodes: keystore.state.agents ?? [] }));
    const [seen, said] = await Promise.all([
      ours.length === 0
        ? []
        : gatherProofs(keystore, {
            services: ours,
            probes: await this.#currentProbes(since),
            hosts: this.#hosts,
            now,
            onProgress: (done, total) => ui.progress(`asking services: ${done} of ${total}`),
          }),
      nodes.length === 0 ? [] : this.#request.agents.prove(nodes),
    ]);
    const proofs = [...seen, ...said, ...untold(gated, nodes, said, now().getTime())];
    if (proofs.length > 0) await recordProofs(this.#writer, globals.wait, this.#requestId, proofs);
    return situationOf(keystore, { services, proofs, now: now(), since });
  }

  #gated(): Service[] {
    const excluded = this.#writer.keystore.state.rollover?.excluded ?? [];
    return this.#request.services.filter(
      ({ holder }) => !excluded.some(({ kind, name }) => kind === holder.kind && name === holder.name),
    );
  }

  async #currentProbes(now: number): Promise<Probes> {
    if (this.#probes !== undefined && now - this.#probes.made < PROBES_LAST) return this.#probes.probes;
    if (this.#probes !== undefined) forgetProbes(this.#probes.probes);
    const probes = await makeProbes(this.#writer, this.#ctx.globals.wait);
    this.#probes = { made: now, probes };
    return probes;
  }

  async #take(step: Exclude<Step, { do: 'blocked' | 'nothing' }>, situation: Situation): Promise<void> {
    const { phase, form } = situation.rollover;
    this.#ctx.ui.progress(stepText(step, form));
    switch (step.do) {
      case 'deploy-trust':
        this.#keep(await deployTo(this.#ctx, this.#writer, this.#request, step.holders));
        for (const holder of step.holders) this.#attempted.add(attemptKey('deploy-trust', holder));
        break;
      case 'replace-certificates':
        this.#keep(
          await replaceCertificates(this.#ctx, this.#writer, this.#request, step.holders, step.issuer, this.issued),
        );
        for (const holder of step.holders) this.#attempted.add(attemptKey('replace-certificates', holder));
        break;
      case 'withdraw':
        await this.#inTurn(() => commitWithdrawal(this.#writer, this.#requestId, () => this.#confirm(step, situation)));
        this.#moved();
        break;
      case 'exclude':
        this.#request.warn(
          `left out, since the time of this phase is over: ${blockingHolders(step.blockers).join(', ')}`,
        );
        await this.#inTurn(() => excludeHolders(this.#writer, this.#requestId, step.holders));
        break;
      case 'commit':
        warnOfOpen(this.#request, step.weaker);
        warnOfWeaker(
          this.#request,
          step.weaker.filter(({ checksNone }) => !checksNone),
        );
        await this.#commit(step, situation);
        this.#moved();
    }
    this.#steps.push({ phase: step.do === 'commit' ? step.to : phase, what: stepText(step, form) });
  }

  #moved(): void {
    this.#committed++;
    this.#others.forget();
    this.#attempted = new Set();
  }

  async #commit(step: Step & { do: 'commit' }, situation: Situation): Promise<void> {
    const { from, to } = step;
    const requestId = this.#requestId;
    const confirm = (): Promise<void> => this.#confirm(step, situation);
    if (to === 'done') {
      const ours = this.#writer.keystore.state.rollover?.form === 'root';
      const lastCrl = this.#request.carried?.lastCrl?.(this.#writer);
      const root = ours && lastCrl === undefined ? await this.#request.root?.() : undefined;
      const done = await this.#inTurn(() => finishRollover(this.#writer, { requestId, root, lastCrl, confirm }));
      warnOfCopies(this.#request, done);
    } else if (to === 'stable')
      await this.#inTurn(() =>
        abandonRollover(
          this.#writer,
          from as 'prepared' | 'rollback',
          requestId,
          confirm,
          this.#request.carried !== undefined,
        ),
      );
    else await this.#inTurn(() => commitStep(this.#writer, { from, to, requestId, confirm }));
  }

  /** The guard again, on the newest log and with the very proofs. @throws ERR_STATE when it does not hold any more */
  async #confirm(step: Step, { proofs, since }: Situation): Promise<void> {
    const again = await this.#situation(proofs, since);
    const now = nextStep(again, { direction: this.#request.direction, attempted: EVERYTHING });
    if (now.do === step.do && (now.do !== 'commit' || step.do !== 'commit' || now.to === step.to)) return;
    throw now.do === 'blocked'
      ? blockedError(again.rollover.phase, now.blockers)
      : new ClusterCaError('ERR_STATE', 'the rollover has moved meanwhile', { hint: 'run the same command again' });
  }

  #situation(proofs: readonly Proof[], since: number): Promise<Situation> {
    const { services } = this.#request;
    return situationOf(this.#writer.keystore, { services, proofs, now: this.#ctx.now(), since });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#writer.inTurn(this.#ctx.globals.wait, work);
  }

  #keep(services: readonly ServiceObject[]): void {
    for (const one of services)
      this.#deployed.set(`${one.node} ${one.plane} ${one.kind} ${one.address ?? one.dir}`, one);
  }
}

const EVERYTHING: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true });

/** A guard that does not hold: 6, with who blocks. */
export function blockedError(phase: Phase, blockers: readonly Blocker[]): ClusterCaError {
  const blocking = blockingHolders(blockers);
  const [first] = blockers;
  const who = blocking.length === 0 ? '' : ` by ${blocking.join(', ')}`;
  return new ClusterCaError('ERR_STATE', `the rollover is blocked in ${phase}${who}: ${first?.reason}`, {
    hint: first?.hint,
    details: { phase, blocking, blockers: blockers.map(boardBlocker) },
  });
}

/** Where the rollover stands. @throws ERR_STATE when there is none to go on with, or back from */
export function requireRollover(state: Parameters<typeof phaseOf>[0]): void {
  const phase = phaseOf(state);
  if (phase !== 'stable' && phase !== 'done') return;
  throw new ClusterCaError('ERR_STATE', phase === 'done' ? 'the rollover is done' : 'no rollover is in progress', {
    hint: 'cluster-ca rollover start begins one',
  });
}
