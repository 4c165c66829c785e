import { CronExpressionParser } from 'cron-parser';
import type { FailedRotation } from '../alerts/rotations.ts';
import { randomBytes } from '../crypto/hash.ts';
import { type CrlAudience, crlAudience, publishCrl } from '../deployment/publish-crl.ts';
import { rotationHash } from '../issuance/request-hash.ts';
import { holderKey } from '../keystore/certificates/row.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { renewCrls } from '../revocation/renew-crls.ts';
import { recordProofs } from '../rollover/evidence/gather.ts';
import { agentNodesOf } from '../rollover/running/agent-nodes.ts';
import { Backoff } from '../rotation/backoff.ts';
import { type DueTime, dueTimes } from '../rotation/due.ts';
import { itemOf } from '../rotation/select.ts';
import { ServedAgents } from './agent-proofs.ts';
import { Alerting } from './alerting.ts';
import type { Job } from './jobs.ts';
import { deployableUnits, type Holding, holdingOf, type RotationResult, rotateLive, sameHolding } from './rotation.ts';
import type { Service } from './service.ts';
import { rotationSettings } from './settings.ts';

/** How often it is looked whether anything is to be done: a certificate may live for seconds only. */
const LOOK = 1_000;
/** Certificates of one run: after an outage the rest comes in the next ones, the first to end first. */
const AT_ONCE = 50;
const DAY = 86_400_000;
/** After a failure of a whole step. */
const PAUSE = 10_000;
/** A look at everything takes at most this part of the time. */
const SHARE = 20;

interface Plan {
  /** Due, to be given new certificates. */
  due: DueTime[];
  /** Not due, but their last deployment is not done. */
  undone: DueTime[];
  /** When the next is due. */
  next: number;
}

/** Rotates by itself: what is due, when it is due, and again what was not done. Renews the CRLs daily. */
export class Scheduler {
  readonly #service: Service;
  readonly #backoff = new Backoff(() => (randomBytes(1)[0] as number) / 255);
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  /** What the last look was at: the log's head and the settings. */
  #seen = '';
  #next = 0;
  #cron: { expression: string; next: number } | undefined;
  readonly #paused = new Map<string, number>();
  #notBefore = 0;
  readonly #failed = new Map<string, FailedRotation>();
  readonly #alerting = new Alerting();
  #version: string | undefined;
  #proving: Promise<void> | undefined;

  constructor(service: Service) {
    this.#service = service;
  }

  /** What it has tried, and what fails. */
  get failed(): FailedRotation[] {
    return [...this.#failed.values()];
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#look().finally(() => this.start());
    }, LOOK);
  }

  /** No further run; the one in work is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#proving;
  }

  /** Each by itself: what keeps one of them from being done keeps no other. */
  async #look(): Promise<void> {
    await this.#step('crl', (current) => this.#renewCrls(current));
    await this.#step('agents', (current) => this.#wakeAgents(current));
    await this.#step('proofs', async (current) => this.#proveForOthers(current));
    await this.#step('drift', (current) => this.#service.drift.look(this.#service, current));
    await this.#step('alerts', (current) => this.#alerting.look(this.#service, current));
    await this.#step('rotate', (current) => this.#rotate(current));
  }

  /** What fails as a whole (the disk is full, the inventory is broken) is told, and tried again after a pause. */
  async #step(what: string, work: (current: Keystore) => Promise<void>): Promise<void> {
    const { keystore, now, metrics, journal } = this.#service;
    if (now().getTime() < (this.#paused.get(what) ?? 0)) return;
    try {
      await work(await keystore.current());
      this.#paused.delete(what);
    } catch (error) {
      this.#paused.set(what, now().getTime() + PAUSE);
      metrics.failed.inc({ what });
      journal.say('schedule-failed', { what, error: error instanceof Error ? error.message : String(error) });
    }
  }

  /** New trust bundles and CRLs reach those that hold a poll at once. */
  async #wakeAgents(current: Keystore): Promise<void> {
    const { desired, agents, now } = this.#service;
    const { version } = await desired.of(current, now());
    if (this.#version !== undefined && this.#version !== version) agents.wakeAll();
    this.#version = version;
  }

  /** The command line cannot reach agents: it asks in the log, and is answered there. Nobody waits for it here. */
  #proveForOthers({ state: { rollover } }: Keystore): void {
    const { asked = -1, answered = -1 } = rollover ?? {};
    if (asked <= answered || this.#proving !== undefined) return;
    const { writer, ctx, agents, journal } = this.#service;
    const prove = async (): Promise<void> => {
      await writer.keystore.refresh();
      const nodes = await agentNodesOf(writer.keystore);
      const proofs = await new ServedAgents(this.#service).prove(nodes);
      if (agents.isStopped) return;
      await recordProofs(writer, ctx.globals.wait, newRequestId(), proofs, asked);
      journal.say('proofs', { asked, nodes });
    };
    this.#proving = prove()
      .catch((error: unknown) => {
        this.#paused.set('proofs', this.#service.now().getTime() + PAUSE);
        journal.say('schedule-failed', {
          what: 'proofs',
          error: error instanceof Error ? error.message : String(error),
        });
      })
      .finally(() => {
        this.#proving = undefined;
      });
  }

  async #rotate(current: Keystore): Promise<void> {
    const { now } = this.#service;
    const { cronExpression, enabled } = rotationSettings(current.state);
    const at = now().getTime();
    const ticked = this.#tick(cronExpression, at);
    if (!enabled) return;
    if (this.#service.inventory.path === undefined) {
      // Nothing is for it to rotate, so nothing is left undone.
      if (ticked) this.#service.metrics.lastRun.set({ what: 'schedule' }, at / 1000);
      return;
    }
    const seen = `${current.state.seq} ${this.#service.inventory.stamp} ${cronExpression}`;
    if (!ticked && at < this.#next && seen === this.#seen) return;
    if (performance.now() < this.#notBefore) return;
    if (ticked) this.#backoff.release();
    const began = performance.now();
    const plan = await this.#plan(current, at);
    this.#notBefore = performance.now() + SHARE * (performance.now() - began);
    if (plan.due.length + plan.undone.length > 0) {
      await this.#run();
      return;
    }
    this.#seen = seen;
    this.#next = Math.min(plan.next, this.#backoff.next);
    if (this.#backoff.next === Number.POSITIVE_INFINITY)
      this.#service.metrics.lastRun.set({ what: 'schedule' }, at / 1000);
  }

  /** True when the time of the cron expression has come since the last look. */
  #tick(expression: string, at: number): boolean {
    const before = this.#cron;
    const ticked = before?.expression === expression && at >= before.next;
    if (ticked || before?.expression !== expression || before.next - at > 8 * 366 * DAY) {
      const parsed = CronExpressionParser.parse(expression, { currentDate: new Date(at), tz: 'UTC' });
      this.#cron = { expression, next: parsed.next().getTime() };
    }
    return ticked;
  }

  async #plan(keystore: Keystore, at: number): Promise<Plan> {
    const units = await deployableUnits(this.#service);
    const concerned = units.map(holdingOf);
    const { state } = keystore;
    const open = (row: Holding): boolean => (state.undone ?? []).some((one) => sameHolding(one, row));
    const times = (await dueTimes(keystore, rotationSettings(state).rotateBeforeDays)).filter(({ row }) =>
      concerned.some((holding) => sameHolding(holding, holdingOfRow(row))),
    );
    const ready = times.filter(({ row }) => !this.#backoff.waits(holderKey(row), at));
    const isDue = ({ row, dueAt }: DueTime): boolean => {
      // Issued by a run whose deployment is not done, and good for a while: the same certificate is tried again.
      return dueAt <= at && !(open(holdingOfRow(row)) && isFresh(row, at));
    };
    const due = ready.filter(isDue).slice(0, AT_ONCE);
    const undone = ready.filter((time) => !isDue(time) && open(holdingOfRow(time.row))).slice(0, AT_ONCE - due.length);
    const next = Math.min(Number.POSITIVE_INFINITY, ...times.map(({ dueAt }) => dueAt).filter((time) => time > at));
    return { due, undone, next };
  }

  /** One run, in its turn among the rotations; what is to be done is looked at again when that comes. */
  async #run(): Promise<void> {
    const { writer, now, jobs } = this.#service;
    const { keystore } = writer;
    const reached = new Set<string>();
    const tried: DueTime[] = [];
    const { job, ended } = jobs.add({
      by: 'schedule',
      total: 0,
      run: async (onDone) => {
        await keystore.refresh();
        const { due, undone } = await this.#plan(keystore, now().getTime());
        tried.push(...due, ...undone);
        const items = [];
        for (const { row } of due) items.push(await itemOf(keystore, row));
        const names = due.map(({ row }) => holderKey(row));
        const nodes = await rotateLive(this.#service, {
          items,
          undone: undone.map(({ row }) => holdingOfRow(row)),
          requestId: newRequestId(),
          requestHash: rotationHash({ names, all: false, due: true, planes: [] }),
          atOnce: 1,
          onNodes: (done) => {
            onDone(done.length);
            for (const node of done) reached.add(node);
          },
        });
        return { nodes };
      },
    });
    await ended;
    for (const { row } of tried) this.#settle(row, job, reached);
    this.#service.drift.again();
    this.#service.rotated(job);
  }

  #settle(row: DueTime['row'], { nodes, problem }: Job, reached: ReadonlySet<string>): void {
    const at = this.#service.now().getTime();
    const key = holderKey(row);
    const result = nodes.find((one) => isOf(one, holdingOfRow(row)));
    if (result?.state === 'rotated') {
      this.#backoff.succeeded(key);
      this.#failed.delete(key);
      return;
    }
    // Those behind one that failed were not reached: they come next, without it.
    if (result?.state === 'pending' && !reached.has(row.name)) return;
    this.#backoff.failed(key, row, at);
    const { failures = 1, since = at } = this.#backoff.of(key) ?? {};
    const error = result?.error?.message ?? problem?.message ?? 'it is pending';
    const { name, plane, notAfter } = row;
    this.#failed.set(key, { name, plane, failures, since, error, notAfter });
  }

  async #renewCrls(keystore: Keystore): Promise<void> {
    const { writer, now, ctx, metrics, journal, inventory, jobs } = this.#service;
    const at = now().getTime();
    if (crlsDue(keystore, at).length === 0) return;
    const crls = await writer.inTurn(ctx.globals.wait, () =>
      renewCrls(writer, crlsDue(writer.keystore, at), writer.daily, newRequestId()),
    );
    journal.say('crl', { renewed: crls.map(({ authority }) => authority), until: crls[0]?.nextUpdate });
    metrics.lastRun.set({ what: 'crl' }, at / 1000);
    const { path } = inventory;
    if (path === undefined) return;
    // A service that does not take it is undone in the log, and tried again as any other.
    const { ended } = jobs.add({
      by: 'schedule',
      total: 0,
      run: async () => {
        await publishCrl(ctx, writer, withoutAgents(await crlAudience(writer.keystore, path), writer.keystore));
        return { nodes: [] };
      },
    });
    void ended.then(({ problem }) => {
      if (problem !== undefined) journal.say('schedule-failed', { what: 'crl', error: problem.message });
    });
  }
}

/** Nodes with an agent take the CRL themselves. */
function withoutAgents(audience: CrlAudience, { state: { agents = [] } }: Keystore): CrlAudience {
  const units = audience.deployment.units.filter(
    ({ holder }) => holder.kind !== 'node' || !agents.includes(holder.name),
  );
  return { ...audience, deployment: { ...audience.deployment, units } };
}

/** The issuing CAs whose CRL is a day old, or past half its life. */
function crlsDue(keystore: Keystore, at: number): Authority[] {
  const { crls } = keystore.state;
  return liveAuthorities(keystore.state).filter(({ id, role }) => {
    if (role !== 'issuing' || keystore.authorityCertificate(id).notAfter <= at) return false;
    const crl = crls.find(({ authority }) => authority === id);
    if (crl === undefined) return true;
    const [from, until] = [Date.parse(crl.thisUpdate), Date.parse(crl.nextUpdate)];
    return at >= from + Math.min(DAY, (until - from) / 2);
  });
}

/** Its first third of life is not over: a new one would be no better. */
function isFresh({ notBefore, notAfter }: { notBefore: number; notAfter: number }, at: number): boolean {
  return at < notBefore + (notAfter - notBefore) / 3;
}

function holdingOfRow({ kind, name, plane }: { kind: string; name: string; plane: string }): Holding {
  return { kind: kind as 'node' | 'client', name, plane };
}

function isOf({ kind, node, plane = '' }: RotationResult, holding: Holding): boolean {
  return kind === holding.kind && node === holding.name && plane === holding.plane;
}
