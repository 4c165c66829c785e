import { CronExpressionParser } from 'cron-parser';
import type { FailedRotation } from '../../alerts/rotations.ts';
import { randomBytes } from '../../crypto/hash.ts';
import { rotationHash } from '../../issuance/request-hash.ts';
import { holderKey } from '../../keystore/certificates/row.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { Backoff } from '../../rotation/backoff.ts';
import { type DueTime, dueTimes } from '../../rotation/due.ts';
import { itemOf } from '../../rotation/select.ts';
import type { Job } from '../jobs.ts';
import {
  deployableUnits,
  type Holding,
  holdingOf,
  type RotationResult,
  rotateLive,
  sameHolding,
} from '../rotation/rotation.ts';
import type { Service } from '../service.ts';
import { rotationSettings } from '../settings.ts';

/** Certificates of one run: after an outage the rest comes in the next ones, the first to end first. */
const AT_ONCE = 50;
const DAY = 86_400_000;
/** A look at everything takes at most this part of the time. */
const SHARE = 20;

interface Plan {
  /** Due, to be given new certificates. */
  due: DueTime[];
  /** Not due, but their last deployment is not done. */
  undone: DueTime[];
  /** When the next is due. */
  next: number;
  /** Who is due or undone, those that are not tried yet among them. */
  open: ReadonlySet<string>;
}

/** Rotates what is due, when it is due, and again what was not done. */
export class ScheduledRotations {
  readonly #service: Service;
  readonly #backoff = new Backoff(() => (randomBytes(1)[0] as number) / 255);
  readonly #failed = new Map<string, FailedRotation>();
  /** What the last look was at: the log's head and the settings. */
  #seen = '';
  #next = 0;
  #notBefore = 0;
  #cron: { expression: string; next: number } | undefined;

  constructor(service: Service) {
    this.#service = service;
  }

  /** What it has tried, and what fails. */
  get failed(): FailedRotation[] {
    return [...this.#failed.values()];
  }

  /** Looks for what is due or undone, and rotates it. @throws what keeps the whole run from being done */
  async look(current: Keystore): Promise<void> {
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
    this.#forget(plan.open);
    this.#notBefore = performance.now() + SHARE * (performance.now() - began);
    // A job that is at it has its services among the undone: what is left of them is for when it has ended.
    if (plan.due.length > 0 || (plan.undone.length > 0 && !this.#service.jobs.isBusy)) await this.#run();
    if (plan.due.length + plan.undone.length > 0) return;
    this.#seen = seen;
    this.#next = Math.min(plan.next, this.#backoff.next);
    if (this.#backoff.next === Number.POSITIVE_INFINITY)
      this.#service.metrics.lastRun.set({ what: 'schedule' }, at / 1000);
  }

  /** What has failed is over where somebody else has done it, or nobody is to do it any more: revoked, or in no inventory. */
  #forget(open: ReadonlySet<string>): void {
    for (const key of [...this.#failed.keys()])
      if (!open.has(key)) {
        this.#failed.delete(key);
        this.#backoff.succeeded(key);
      }
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
    const isDue = ({ row, dueAt }: DueTime): boolean => {
      // Issued by a run whose deployment is not done, and good for a while: the same certificate is tried again.
      return dueAt <= at && !(open(holdingOfRow(row)) && isFresh(row, at));
    };
    const wanted = times.filter((time) => isDue(time) || open(holdingOfRow(time.row)));
    const ready = wanted.filter(({ row }) => !this.#backoff.waits(holderKey(row), at));
    const due = ready.filter(isDue).slice(0, AT_ONCE);
    const undone = ready.filter((time) => !isDue(time)).slice(0, AT_ONCE - due.length);
    const next = Math.min(Number.POSITIVE_INFINITY, ...times.map(({ dueAt }) => dueAt).filter((time) => time > at));
    return { due, undone, next, open: new Set(wanted.map(({ row }) => holderKey(row))) };
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
    // Somebody else has done it meanwhile.
    if (tried.length === 0 && job.problem === undefined) return;
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
