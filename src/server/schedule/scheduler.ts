import type { FailedRotation } from '../../alerts/rotations.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { Alerting } from '../alerts/alerting.ts';
import type { Service } from '../service.ts';
import { renewDueCrls } from './crls.ts';
import { Loop } from './loop.ts';
import { proveForOthers } from './proofs.ts';
import { ScheduledRotations } from './rotations.ts';

/** After a failure of a whole step. */
const PAUSE = 10_000;

/** Rotates by itself: what is due, when it is due, and again what was not done. Renews the CRLs daily. */
export class Scheduler {
  readonly #service: Service;
  readonly #loops: readonly Loop[];
  readonly #paused = new Map<string, number>();
  readonly #rotations: ScheduledRotations;
  readonly #alerting = new Alerting();
  #version: string | undefined;

  constructor(service: Service) {
    this.#service = service;
    this.#rotations = new ScheduledRotations(service);
    // Who asks for proofs waits for them; and a rotation takes as long as its services do: nothing stands behind either.
    const proofs = () => this.#step('proofs', (current) => proveForOthers(service, current));
    const rotate = () => this.#step('rotate', (current) => this.#rotations.look(current));
    this.#loops = [() => this.#look(), proofs, rotate].map((look) => new Loop(look));
  }

  /** What it has tried, and what fails. */
  get failed(): FailedRotation[] {
    return this.#rotations.failed;
  }

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  /** No further run; those in work are waited for. */
  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  /** Each by itself: what keeps one of them from being done keeps no other. */
  async #look(): Promise<void> {
    await this.#step('crl', (current) => renewDueCrls(this.#service, current));
    await this.#step('agents', (current) => this.#wakeAgents(current));
    await this.#step('drift', (current) => this.#service.drift.look(this.#service, current));
    await this.#step('alerts', (current) => this.#alerting.look(this.#service, current));
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
}
