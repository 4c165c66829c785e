import type { FailedRotation } from '../alerts/rotations.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { recordProofs } from '../rollover/evidence/gather.ts';
import { agentNodesOf } from '../rollover/running/agent-nodes.ts';
import { ServedAgents } from './agent-proofs.ts';
import { Alerting } from './alerting.ts';
import { renewDueCrls } from './schedule/crls.ts';
import { ScheduledRotations } from './schedule/rotations.ts';
import type { Service } from './service.ts';

/** How often it is looked whether anything is to be done: a certificate may live for seconds only. */
const LOOK = 1_000;
/** After a failure of a whole step. */
const PAUSE = 10_000;

/** Rotates by itself: what is due, when it is due, and again what was not done. Renews the CRLs daily. */
export class Scheduler {
  readonly #service: Service;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  readonly #paused = new Map<string, number>();
  readonly #rotations: ScheduledRotations;
  readonly #alerting = new Alerting();
  #version: string | undefined;
  #proving: Promise<void> | undefined;

  constructor(service: Service) {
    this.#service = service;
    this.#rotations = new ScheduledRotations(service);
  }

  /** What it has tried, and what fails. */
  get failed(): FailedRotation[] {
    return this.#rotations.failed;
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
    await this.#step('crl', (current) => renewDueCrls(this.#service, current));
    await this.#step('agents', (current) => this.#wakeAgents(current));
    await this.#step('proofs', async (current) => this.#proveForOthers(current));
    await this.#step('drift', (current) => this.#service.drift.look(this.#service, current));
    await this.#step('alerts', (current) => this.#alerting.look(this.#service, current));
    await this.#step('rotate', (current) => this.#rotations.look(current));
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
}
