import type { ProofAsk, Report } from '../../agent/protocol.ts';
import { randomBytes } from '../../crypto/hash.ts';
import { toHex } from '../../pki/encoding.ts';
import { RestartTurns } from './restart-turns.ts';
import { openOf, type Told } from './told.ts';

/** An agent that has not been heard of for this long is silent, milliseconds: more than two polls. */
const SILENT = 60_000;

const NEVER = new Promise<void>(() => {});
/** How often it is looked who is waited for too long, milliseconds. */
const TICK = 250;

/** A rotation that an agent is asked for. */
export interface AskedRotation {
  id: string;
  /** Each with the serial number of the certificate that is to be replaced. */
  planes: AskedPlane[];
}

export interface AskedPlane {
  plane: string;
  serial: string;
}

interface Asked extends AskedRotation {
  /** It was in an answer. */
  handed: boolean;
  /** With what it told; undefined when it can tell nothing any more. */
  ended: (told: Told | undefined) => void;
}

interface AskedProof {
  ask: ProofAsk;
  handed: boolean;
  /** Reports without an answer since it was handed the question. */
  passed: number;
  ended: (answer: ProofAnswer | typeof UNABLE | undefined) => void;
}

/** Of an agent that does not know the question. */
export const UNABLE = 'unable';
/**
 * Reports without an answer, after which an agent does not know the question: one may have been under way when it was
 * handed over.
 */
const PASSES = 3;

/** What an agent has answered to a proof that it was asked for. */
export type ProofAnswer = NonNullable<Report['proof']>;

/** Why a poll is held no longer: there may be something to say, a newer one is there, or nobody waits for it. */
type Release = 'news' | 'newer' | 'gone';

interface Known {
  heardAt: number;
  told: Told | undefined;
  /** Since when what is not as it should be has been so, by what it is. */
  openSince: Map<string, number>;
  asked: Map<string, Asked>;
  proofs: Map<string, AskedProof>;
  /** Ends the poll that is held for it, because there is news or a newer poll; undefined when none is. */
  release: ((why: Release) => void) | undefined;
}

/**
 * The agents, as this daemon has heard of them since it started. A poll that is held costs one timer; whoever has news
 * wakes those whom it concerns.
 */
export class Agents {
  readonly #known = new Map<string, Known>();
  readonly #now: () => number;
  readonly #startedAt: number;
  #stopped = false;
  readonly #turns: RestartTurns;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
    this.#turns = new RestartTurns(now);
  }

  /** How many polls are held. */
  get held(): number {
    let held = 0;
    for (const { release } of this.#known.values()) if (release !== undefined) held++;
    return held;
  }

  /** What an agent told last; undefined before its first word. */
  told(node: string): Told | undefined {
    return this.#known.get(node)?.told;
  }

  /** Every agent that has told something since this daemon started. */
  *all(): Generator<[node: string, told: Told]> {
    for (const [node, { told }] of this.#known) if (told !== undefined) yield [node, told];
  }

  /** True when it was heard of since this daemon started. */
  isHeard(node: string): boolean {
    return this.#known.has(node);
  }

  /** When it was heard of last, milliseconds since 1970; undefined when it was not since this daemon started. */
  heardAt(node: string): number | undefined {
    return this.#known.get(node)?.heardAt;
  }

  /** Since when one of its services is not as it should be. @param key as `openOf` has it */
  openSince(node: string, key: string): number | undefined {
    return this.#known.get(node)?.openSince.get(key);
  }

  /** Since when nothing was heard of it, milliseconds since 1970; undefined for one that is there. */
  silentSince(node: string): number | undefined {
    const known = this.#known.get(node);
    if (known?.release !== undefined) return undefined;
    const since = known?.heardAt ?? this.#startedAt;
    return this.#now() - since >= SILENT ? since : undefined;
  }

  /** What it is asked to rotate; from now on it knows, and waits for no turn. */
  rotationsOf(node: string): AskedRotation[] {
    const known = this.#heard(node);
    this.#turns.leave(node);
    return [...known.asked.values()].map((asked) => {
      asked.handed = true;
      return { id: asked.id, planes: asked.planes };
    });
  }

  /**
   * Holds a poll until there is news for this node, or the time is over. One for each node: an older one ends.
   * @param milliseconds 0: not at all
   * @param gone when nobody waits for the answer any more
   * @returns false for one that is gone, or whose place a newer poll has taken: it is not to be held again, which would end that one
   */
  async hold(node: string, milliseconds: number, gone: Promise<void> = NEVER): Promise<boolean> {
    const known = this.#heard(node);
    known.release?.('newer');
    if (milliseconds <= 0 || this.#stopped) return true;
    const why = await new Promise<Release>((resolve) => {
      const release = (reason: Release): void => {
        clearTimeout(timer);
        if (known.release === release) known.release = undefined;
        resolve(reason);
      };
      const timer = setTimeout(() => release('news'), milliseconds);
      known.release = release;
      void gone.then(() => release('gone'));
    });
    if (why !== 'gone') known.heardAt = this.#now();
    return why === 'news';
  }

  /**
   * Whether a new state may be handed to a node whose servers are restarted for it: it waits for its turn otherwise.
   * @param version of that state
   */
  mayRestart(node: string, version: string): boolean {
    return this.#turns.take(node, version);
  }

  /** There is news for all. */
  wakeAll(): void {
    for (const { release } of this.#known.values()) release?.('news');
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** No poll is held any more, and no word of an agent comes: what it was asked for is not waited for. */
  stop(): void {
    this.#stopped = true;
    this.wakeAll();
    for (const { asked, proofs } of this.#known.values())
      for (const { ended } of [...asked.values(), ...proofs.values()]) ended(undefined);
  }

  /** Takes what an agent tells, and ends the rotations that it says are done. */
  tell(node: string, told: Told): void {
    const known = this.#heard(node);
    known.told = told;
    const before = known.openSince;
    known.openSince = new Map(openOf(told).map((key) => [key, before.get(key) ?? told.at]));
    const release = (next: string) => this.#known.get(next)?.release;
    const { version } = told.report;
    const next =
      version === undefined ? undefined : this.#turns.end(node, version, (one) => release(one) !== undefined);
    if (next !== undefined) release(next)?.('news');
    for (const { id } of told.report.rotations) {
      known.asked.get(id)?.ended(told);
      known.asked.delete(id);
    }
    const { proof } = told.report;
    if (proof !== undefined) known.proofs.get(proof.id)?.ended(proof);
    for (const asked of known.proofs.values())
      if (asked.handed && asked.ask.id !== proof?.id && ++asked.passed >= PASSES) asked.ended(UNABLE);
  }

  /** What it is asked to prove; from now on it knows. */
  proofOf(node: string): ProofAsk | undefined {
    const [first] = this.#known.get(node)?.proofs.values() ?? [];
    if (first !== undefined) first.handed = true;
    return first?.ask;
  }

  /**
   * Asks an agent to prove what its services trust and show, when they have what they are to have.
   * @param patience milliseconds: for one that does not take the word, and for one that has taken it. One that waits
   *   for its turn to restart servers is waited for, unless it falls silent
   * @returns its answer; UNABLE of one that takes the question, and reports again and again without an answer; undefined
   *   when there was none in time, or the daemon stops
   */
  prove(
    node: string,
    ask: ProofAsk,
    patience: { taken: number; done: number },
  ): Promise<ProofAnswer | typeof UNABLE | undefined> {
    if (this.#stopped || this.silentSince(node) !== undefined) return Promise.resolve(undefined);
    const known = this.#known.get(node) ?? this.#make(node, this.#startedAt);
    return new Promise((resolve) => {
      let waited = 0;
      const asked: AskedProof = {
        ask,
        handed: false,
        passed: 0,
        ended: (answer) => {
          clearInterval(timer);
          known.proofs.delete(ask.id);
          resolve(answer);
        },
      };
      const timer = setInterval(() => {
        // Its turn comes when it asks for it: one that is silent would be waited for for ever.
        if (this.silentSince(node) !== undefined) this.#turns.leave(node);
        waited += this.#turns.isWaiting(node) ? 0 : TICK;
        if (waited >= (asked.handed ? patience.done : patience.taken)) asked.ended(undefined);
      }, TICK);
      known.proofs.set(ask.id, asked);
      known.release?.('news');
    });
  }

  /**
   * Asks an agent to rotate. What it does not do in time it does when it is back: it is asked until it says that it has.
   * @param patience milliseconds: for one that does not take the word, and for one that has taken it
   * @returns what it told when it was done; undefined when it was not, or the daemon stops
   */
  rotate(node: string, planes: AskedPlane[], patience: { taken: number; done: number }): Promise<Told | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    const known = this.#known.get(node) ?? this.#make(node, this.#startedAt);
    return new Promise((resolve) => {
      const asked: Asked = {
        id: toHex(randomBytes(16)),
        planes,
        handed: false,
        ended: (told) => {
          clearTimeout(timer);
          resolve(told);
        },
      };
      // Of rotations that were asked for before and not done, this is one more word for the same.
      for (const [id, before] of known.asked)
        if (before.planes.every((one) => planes.some(({ plane }) => plane === one.plane))) known.asked.delete(id);
      known.asked.set(asked.id, asked);
      let timer = setTimeout(() => {
        if (!asked.handed) return resolve(undefined);
        timer = setTimeout(() => resolve(undefined), patience.done - patience.taken);
      }, patience.taken);
      known.release?.('news');
    });
  }

  #heard(node: string): Known {
    const known = this.#known.get(node) ?? this.#make(node, this.#now());
    known.heardAt = this.#now();
    return known;
  }

  #make(node: string, heardAt: number): Known {
    const known: Known = {
      heardAt,
      told: undefined,
      openSince: new Map(),
      asked: new Map(),
      proofs: new Map(),
      release: undefined,
    };
    this.#known.set(node, known);
    return known;
  }
}
