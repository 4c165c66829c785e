import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import type { ServiceObject } from '../../deployment/document.ts';
import { ClusterCaError } from '../../errors.ts';
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
import { finishRollover } from '../finish.ts';
import type { Phase } from '../phase.ts';
import { type Blocker, blockingHolders } from '../planning/blocker.ts';
import { boardBlocker, stepText } from '../planning/board.ts';
import { attemptKey, type Direction, nextStep, type Step } from '../planning/planner.ts';
import type { Proof, Standing } from '../planning/proof.ts';
import type { Situation } from '../planning/situation.ts';
import { subjectText } from '../planning/subject.ts';
import { commitStep, commitWithdrawal } from '../step.ts';
import { deployTo, type Reach, replaceCertificates } from './deploy.ts';
import { excludeHolders } from './exclude.ts';

/** Services that a warning names. */
const NAMED = 5;
/** Between two looks at who is waited for, milliseconds. */
const PAUSE = 1000;
/** Probes are made anew when they are this old: they last for an hour. */
const PROBES_LAST = 30 * 60_000;

export interface RunRequest extends Reach {
  services: readonly Service[];
  direction: Direction;
  /** One step, and what its phase has deployed then; or on, until the end or a guard that does not hold. */
  until: 'step' | 'end';
  /** Opens the root domain: asked for when, and only when, a key of a root is destroyed. */
  root: () => Promise<OpenedDomain>;
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
  } finally {
    run.close();
  }
}

class Run {
  readonly #ctx: Context;
  readonly #writer: KeystoreWriter;
  readonly #hosts: Hosts;
  readonly #request: RunRequest;
  readonly #requestId = newRequestId();
  readonly #steps: StepObject[] = [];
  readonly #deployed = new Map<string, ServiceObject>();
  #probes: { made: number; probes: Probes } | undefined;
  #attempted = new Set<string>();
  #committed = 0;

  constructor(ctx: Context, writer: KeystoreWriter, hosts: Hosts, request: RunRequest) {
    this.#ctx = ctx;
    this.#writer = writer;
    this.#hosts = hosts;
    this.#request = request;
  }

  close(): void {
    if (this.#probes !== undefined) forgetProbes(this.#probes.probes);
    this.#ctx.ui.endProgress();
  }

  async all(): Promise<Ran> {
    for (;;) {
      const situation = await this.#look();
      const step = this.#next(situation);
      const over = step.do === 'nothing' || (this.#committed > 0 && this.#enough(step));
      if (over) return this.#ran(situation);
      if (step.do === 'blocked') {
        if (!this.#mayWait(situation, step.blockers)) return { ...this.#ran(situation), blocked: step.blockers };
        this.#ctx.ui.progress(
          `waiting for ${blockingHolders(step.blockers).join(', ')}: left out when the time is over`,
        );
        await sleep(PAUSE);
        this.#attempted = new Set();
        continue;
      }
      await this.#take(step, situation);
    }
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
    const proofs = await gatherProofs(keystore, {
      services: this.#gated(),
      probes: await this.#currentProbes(since),
      hosts: this.#hosts,
      now,
      onProgress: (done, total) => ui.progress(`asking services: ${done} of ${total}`),
    });
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
    const { phase } = situation.rollover;
    this.#ctx.ui.progress(stepText(step));
    switch (step.do) {
      case 'deploy-trust':
        this.#keep(await deployTo(this.#ctx, this.#writer, this.#request, step.holders));
        for (const holder of step.holders) this.#attempted.add(attemptKey('deploy-trust', holder));
        break;
      case 'replace-certificates':
        this.#keep(await replaceCertificates(this.#ctx, this.#writer, this.#request, step.holders, step.issuer));
        for (const holder of step.holders) this.#attempted.add(attemptKey('replace-certificates', holder));
        break;
      case 'withdraw':
        await this.#inTurn(() => commitWithdrawal(this.#writer, this.#requestId, () => this.#confirm(step, situation)));
        this.#moved();
        break;
      case 'exclude':
        this.#ctx.ui.warn(
          `left out, since the time of this phase is over: ${blockingHolders(step.blockers).join(', ')}`,
        );
        await this.#inTurn(() => excludeHolders(this.#writer, this.#requestId, step.holders));
        break;
      case 'commit':
        this.#name(step.weaker);
        await this.#commit(step, situation);
        this.#moved();
    }
    this.#steps.push({ phase: step.do === 'commit' ? step.to : phase, what: stepText(step) });
  }

  /** What the step rests on that is less than a handshake. */
  #name(weaker: readonly Standing[]): void {
    for (const by of ['agent', 'file', 'declared'] as const) {
      const these = weaker.filter(({ provenBy }) => provenBy === by).map(({ subject }) => subjectText(subject));
      if (these.length === 0) continue;
      const more = these.length > NAMED ? ` and ${these.length - NAMED} more` : '';
      const how = { agent: 'what its agent says', file: 'its files', declared: "an operator's word" }[by];
      this.#ctx.ui.warn(`known by ${how}, not by a handshake: ${these.slice(0, NAMED).join('; ')}${more}`);
    }
  }

  #moved(): void {
    this.#committed++;
    this.#attempted = new Set();
  }

  async #commit(step: Step & { do: 'commit' }, situation: Situation): Promise<void> {
    const { from, to } = step;
    const requestId = this.#requestId;
    const confirm = (): Promise<void> => this.#confirm(step, situation);
    if (to === 'done') {
      const ours = this.#writer.keystore.state.rollover?.form === 'root';
      const root = ours ? await this.#request.root() : undefined;
      const done = await this.#inTurn(() => finishRollover(this.#writer, { requestId, root, confirm }));
      for (const { id, at } of done.backups)
        this.#ctx.ui.warn(`the backup ${id} of ${at} holds the keys that were destroyed: destroy it too`);
      for (const uri of done.tokens)
        this.#ctx.ui.warn(
          `a key of the old root's is in a token, which is not ours to clear: destroy it there: ${uri}`,
        );
      if (done.slots.length > 0)
        this.#ctx.ui.warn(
          `the root domain keeps its master key: the slots ${done.slots.join(', ')} would be lost by a new one`,
        );
    } else if (to === 'stable')
      await this.#inTurn(() => abandonRollover(this.#writer, from as 'prepared' | 'rollback', requestId, confirm));
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
