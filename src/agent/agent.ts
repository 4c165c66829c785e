import type { Unit } from '../deployment/unit.ts';
import type { Address } from '../endpoint/address.ts';
import { formatAddress } from '../endpoint/address.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { isClusterCaError } from '../errors.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { FILES } from '../placement/place.ts';
import type { Journal } from '../ui/journal.ts';
import { formatTime } from '../values/time.ts';
import { VERSION } from '../version.ts';
import { Connection } from './connection.ts';
import type { Deployed } from './deploying.ts';
import { finishHolding, type Holding, renewAt, serialOf, shortestLife } from './holding.ts';
import { LOOK, nextCycle } from './next-cycle.ts';
import { OwnServices } from './own-services.ts';
import { type Desired, nextSchema, type ProofAsk, type Report } from './protocol.ts';
import { Prover } from './proving.ts';
import { Renewals } from './renewals.ts';
import { Retry, random } from './retry.ts';
import { readDesired, saveDesired } from './saved.ts';

/** Seconds that the daemon is asked to hold a poll. */
const HOLD = 25;
/** Milliseconds beyond that until it counts as silent. */
const SILENT = 15_000;
const ANSWER = 30_000;
/** The first pause and the longest while the daemon is away, milliseconds. */
const UNREACHABLE = [500, 15_000] as const;

export interface AgentOptions {
  server: Address;
  node: string;
  planes: string[];
  /** DIR: DIR/<node>/<plane>/ is what the node has. */
  out: string;
  keyType: KeyType | undefined;
  units: readonly Unit[];
  now: () => Date;
  journal: Journal;
  /** What is said beside the journal. */
  warn: (message: string) => void;
}

/**
 * A node's side of the daemon: it renews, places, reloads, confirms and reports. What it is to have is what the daemon
 * said last; the daemon may be away, and services never depend on it. What it was doing when it was killed is on the
 * disk: a staged key, a certificate, two generations in a service's directory.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #retry = new Retry(...UNREACHABLE, random);
  readonly #services: OwnServices;
  readonly #renewals: Renewals;
  readonly #stop = new AbortController();
  readonly #polling: Connection;
  readonly #working: Connection;
  #desired: Desired | undefined;
  /** What is to be proven, in a rollover. */
  #asked: ProofAsk | undefined;
  readonly #prover: Prover;
  #wake: () => void = () => {};
  #woken = false;
  /** To be told when a cycle has ended. */
  #waiting: (() => void)[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#polling = new Connection(options.server);
    this.#working = new Connection(options.server);
    this.#services = new OwnServices(options);
    this.#renewals = new Renewals(options, this.#working);
    this.#desired = readDesired(options.out, options.node);
    const services = options.units.flatMap((unit) => unit.services.map(({ service }) => service));
    this.#prover = new Prover(options.node, services, options.now);
  }

  /** Works until it is told to stop; what is in work is finished. */
  async run(stopped: Promise<unknown>): Promise<void> {
    const { out, node, planes } = this.#options;
    for (const plane of planes) await finishHolding(out, node, plane);
    void stopped.then(() => {
      this.#stop.abort();
      this.#wakeUp();
    });
    try {
      await Promise.all([this.#poll(), this.#work()]);
    } finally {
      this.#stop.abort();
      this.#polling.close();
      this.#working.close();
      this.#prover.close();
    }
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }

  get #holdings(): Holding[] {
    return this.#renewals.holdings;
  }

  /** The anchors by which the daemon is known: those it has sent last, else, once, those that the node joined with. */
  #anchors(holdings: readonly Holding[]): string {
    if (this.#desired !== undefined) return this.#desired.anchors;
    return new TextDecoder().decode(holdings[0]?.place.read(FILES.trustBundle) ?? new Uint8Array());
  }

  // What is asked of the daemon, one question after the other.

  async #poll(): Promise<void> {
    const { journal, server } = this.#options;
    while (!this.#stopping) {
      try {
        // After a failure it is not held: that the daemon is there again is known at once, and it is told what it missed.
        const isBack = this.#retry.failures > 0;
        await this.#ask(isBack ? 0 : HOLD);
        this.#retry.succeeded();
        if (!isBack) continue;
        journal.say('server-reachable', { server: formatAddress(server) });
        this.#wakeUp();
      } catch (error) {
        if (this.#stopping) return;
        if (!isClusterCaError(error)) throw error;
        if (this.#retry.failures === 0)
          journal.say('server-unreachable', {
            server: formatAddress(server),
            error: error.message,
            hint: this.#renewals.joinAgain(error),
          });
        await this.#pause(this.#retry.failed(shortestLife(this.#holdings), this.#options.now().getTime()));
      }
    }
  }

  /** @param hold seconds */
  async #ask(hold: number): Promise<void> {
    const { node, out, server, units } = this.#options;
    const holdings = this.#holdings;
    const restarts = units.some(({ services }) => services.some(({ abilities }) => abilities.trust === 'restart'));
    const seen = this.#desired === undefined ? '' : `&seen=${this.#desired.version}`;
    const answer = await this.#polling.client(holdings, this.#anchors(holdings)).call({
      method: 'GET',
      path: `/v1/nodes/${node}/next?wait=${hold}${seen}${restarts ? '&restarts=true' : ''}`,
      timeout: hold * 1000 + SILENT,
      signal: this.#stop.signal,
    });
    if (answer.status === 204) return;
    const parsed = nextSchema.safeParse(answer.body);
    if (!parsed.success) throw misbehaved(formatAddress(server), 'answers in a form that is not understood');
    const { rotations, proof, schemaVersion: _, ...desired } = parsed.data;
    if (desired.version !== this.#desired?.version) {
      await saveDesired(out, node, desired);
      this.#desired = desired;
    }
    this.#renewals.ask(rotations);
    this.#asked = proof;
    this.#wakeUp();
    // What was asked for is done, and told, before the next question: it would be answered with the same at once.
    if (rotations.length > 0 || proof !== undefined) await this.#afterCycle(rotations.map(({ id }) => id));
  }

  // What is done here, one cycle after the other.

  async #work(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      let next: number;
      try {
        next = await this.#cycle();
      } catch (error) {
        if (!isClusterCaError(error)) throw error;
        this.#options.journal.say('failed', { error: error.message });
        next = this.#options.now().getTime() + this.#retryAfterFailure();
      }
      for (const tell of this.#waiting.splice(0)) tell();
      if (!this.#woken && !this.#stopping) await this.#sleepUntil(next);
    }
  }

  /** @returns when the next is to be done at the latest; milliseconds since 1970 */
  async #cycle(): Promise<number> {
    const { now } = this.#options;
    const desired = this.#desired;
    const began = now().getTime();
    if (desired === undefined) return began + LOOK;
    const asked = this.#renewals.open;
    await this.#renewals.renewDue(desired);
    await this.#keepTrust(desired);
    const holdings = this.#holdings;
    const deployed = await this.#services.deploy(desired, holdings, asked.length > 0);
    for (const id of asked) this.#renewals.end(id);
    await this.#report(desired, holdings, deployed, await this.#prove(desired));
    const dues = holdings.map((holding) => renewAt(holding, desired.policy, desired.issuer));
    const retries = [this.#renewals.next, ...this.#services.retries];
    return nextCycle({ began, now: now().getTime(), dues, retries });
  }

  /** The node's own ca.pem is what the daemon says, too. */
  async #keepTrust({ trustBundle }: Desired): Promise<void> {
    for (const { place, chain } of this.#holdings) {
      const there = place.read(FILES.trustBundle);
      if (there !== undefined && new TextDecoder().decode(there) === trustBundle) continue;
      await place.finish({ certificate: chain, trustBundle }, undefined);
    }
  }

  /** What was asked for, of services that have been given what they are to have. It is asked for again where it is not told. */
  async #prove({ anchors }: Desired): Promise<Report['proof']> {
    const ask = this.#asked;
    if (ask === undefined) return undefined;
    const { journal } = this.#options;
    try {
      const proofs = await this.#prover.prove(this.#working.client(this.#holdings, anchors), ask);
      journal.say('proven', { services: new Set(proofs.map(({ service }) => service)).size });
      return { id: ask.id, proofs };
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      journal.say('not-proven', { error: error.message });
      return { id: ask.id, proofs: [], error: error.message.slice(0, 2000) };
    } finally {
      if (this.#asked === ask) this.#asked = undefined;
    }
  }

  /** What could not be told is told with the next cycle. */
  async #report(
    desired: Desired,
    holdings: readonly Holding[],
    { services, rank }: Deployed,
    proof: Report['proof'],
  ): Promise<void> {
    const { node } = this.#options;
    const { applied } = this.#services;
    const { ended } = this.#renewals;
    const report: Report = {
      agent: VERSION,
      ...(applied === undefined ? {} : { version: applied }),
      rank,
      certificates: holdings.map(({ plane, fingerprint, certificate }) => ({
        plane,
        fingerprint,
        serial: serialOf({ certificate }),
        notAfter: formatTime(certificate.notAfter),
      })),
      services,
      rotations: ended.map(([id, error]) => ({ id, ...(error === undefined ? {} : { error }) })),
      ...(proof === undefined ? {} : { proof }),
    };
    try {
      const client = this.#working.client(this.#holdings, desired.anchors);
      await client.call({ method: 'POST', path: `/v1/nodes/${node}/report`, body: report, timeout: ANSWER });
      this.#renewals.forget(ended.map(([id]) => id));
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
    }
  }

  #retryAfterFailure(): number {
    return Math.min(LOOK, Math.max(1000, shortestLife(this.#holdings) * 0.05));
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake();
  }

  /** Until a cycle has ended, and these are done. */
  async #afterCycle(rotations: readonly string[]): Promise<void> {
    do await new Promise<void>((resolve) => this.#waiting.push(resolve));
    while (!this.#stopping && (this.#asked !== undefined || rotations.some((id) => this.#renewals.isOpen(id))));
  }

  #sleepUntil(time: number): Promise<void> {
    return new Promise((resolve) => {
      const wait = Math.max(50, Math.min(LOOK, time - this.#options.now().getTime()));
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal.addEventListener('abort', end);
    });
  }
}
