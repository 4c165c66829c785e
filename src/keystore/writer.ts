import { hostname, userInfo } from 'node:os';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import type { Signer } from '../pki/signer.ts';
import { writeAnchor } from './anchor.ts';
import { Overlay } from './certificates/overlay.ts';
import { clockLeap, clockSpan, recordTime } from './clock.ts';
import { removeDestroyed } from './destroyed.ts';
import type { Keystore } from './keystore.ts';
import type { Bodies, Op } from './log/bodies.ts';
import { type Applied, applyRecord } from './log/fold.ts';
import { checkNoGap } from './log/gap.ts';
import { encodeRecord, type LogRecord, RECORD_LIMIT, recordHash } from './log/record.ts';
import { formatHead, type LogState } from './log/state.ts';
import { afterUnknownOutcome } from './outcome.ts';
import { writePublic } from './public.ts';
import { writeSnapshot } from './snapshot/snapshot.ts';
import type { UnlockedDomain } from './unlock.ts';
import { isOfThePast, removeUnnamed } from './unnamed.ts';

/** A new snapshot is worth its pages after this many records or certificates. */
const SNAPSHOT_RECORDS = 64;
const SNAPSHOT_CERTIFICATES = 1024;
/** Races lost in a row before it is said that something is wrong. */
const MOST_RACES = 10_000;

export interface WriterOptions {
  now: () => Date;
  acceptClock: boolean;
  warn: (message: string) => void;
}

/** Appends to the log of a keystore whose daily domain is open. Whatever it returns from is durable. */
export class KeystoreWriter {
  readonly keystore: Keystore;
  readonly daily: UnlockedDomain;
  readonly options: WriterOptions;
  readonly #audit: Signer;
  /** The time of the log before a clock that is far from it wrote anything here. */
  #steady: { time: number };
  /** The time of the log before anything was written here. */
  readonly #logged: number;
  #durable = -1;
  /** Whether the end that this process read was looked at: it fills no gap. */
  #whole = false;
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Why a rollback could not be told when it was opened: said with the first record. */
  #unwitnessed: string | undefined;
  /** What was warned of last about the anchor: once is enough. */
  #warned: string | undefined;

  private constructor(keystore: Keystore, daily: UnlockedDomain, audit: Signer, options: WriterOptions) {
    this.keystore = keystore;
    this.daily = daily;
    this.#audit = audit;
    this.options = options;
    this.#steady = { time: keystore.state.time };
    this.#logged = keystore.state.time;
  }

  /** @throws ERR_KEYSTORE_PERMISSIONS, ERR_KEYSTORE_ROLLED_BACK, ERR_STORAGE, ERR_KEYSTORE_TAMPERED */
  static async open(keystore: Keystore, daily: UnlockedDomain, options: WriterOptions): Promise<KeystoreWriter> {
    await keystore.store.checkPermissions();
    await keystore.store.checkWritable();
    const untold = await keystore.checkRollback();
    const audit = await daily.signer(keystore.state.audit.sealed, 'ed25519');
    const writer = new KeystoreWriter(keystore, daily, audit, options);
    writer.#unwitnessed = untold;
    return writer;
  }

  /**
   * Appends one record: the plan is made on the log as it is, and made again whenever another writer was faster.
   * @param plan checks every precondition and returns the body; undefined when there is nothing to record
   * @param stage is handed the signed record before it is appended: what must exist before the record does
   * @returns the record; undefined when the plan was
   * @throws what the plan throws; ERR_CLOCK; ERR_STORAGE (nothing was recorded); ERR_OUTCOME_UNKNOWN
   */
  async commit<O extends Op>(
    op: O,
    requestId: string,
    plan: () => Promise<Bodies[O] | undefined>,
    stage?: (bytes: Uint8Array) => Promise<void>,
  ): Promise<(LogRecord & { op: O }) | undefined> {
    for (let race = 0; race < MOST_RACES; race++) {
      await this.keystore.refresh();
      const body = await plan();
      if (body === undefined) return undefined;
      await this.#makeHeadDurable();
      const { state, identity } = this.keystore;
      const clock = recordTime(state, this.options.now(), op, this.options.acceptClock);
      const seq = state.seq + 1;
      const entry = { v: 1, seq, prev: state.head, ...clock, actor: actor(), op, requestId, body } as LogRecord & {
        op: O;
      };
      await this.#checkEnd(seq);
      const bytes = await encodeRecord(identity.id, entry, this.#audit);
      const applied = await this.#rehearse(state, entry, bytes);
      await stage?.(bytes);
      if ((await this.#append(seq, bytes, op, requestId)) === 'lost') continue;
      this.#durable = seq;
      if (clockLeap(this.#steady, this.options.now()) === undefined) this.#steady = { time: Date.parse(entry.time) };
      if (!(await this.keystore.adopt(state, applied))) await this.keystore.refresh();
      if (op !== 'reserve') await this.#moveAnchor();
      return entry;
    }
    throw new ClusterCaError('ERR_KEYSTORE_BUSY', 'other writers were always faster', {
      hint: 'run the same command again',
    });
  }

  /**
   * Runs in this process's turn among the writers; within the process one after the other, in the order of the calls.
   * @param wait milliseconds for the other processes, then ERR_KEYSTORE_BUSY
   */
  inTurn<T>(wait: number, work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => this.#turn(wait, work));
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  async #turn<T>(wait: number, work: () => Promise<T>): Promise<T> {
    const giveBack = await this.keystore.store.takeTurn(wait);
    try {
      await this.keystore.refresh();
      await this.#makeHeadDurable();
      const result = await work();
      await this.#settle();
      return result;
    } finally {
      await giveBack();
    }
  }

  /** Rebuilds what is derived: public/, the snapshot when it is worth it, the room for a revocation. Failures cost nothing. */
  async #settle(): Promise<void> {
    const { keystore } = this;
    try {
      await writePublic(keystore, this.options.now());
      await removeDestroyed(keystore);
      const { records, certificates } = keystore.tail;
      if (records >= SNAPSHOT_RECORDS || certificates >= SNAPSHOT_CERTIFICATES) {
        const { state } = keystore;
        const pages = await keystore.query((index) => index.merged());
        if (keystore.state === state) {
          await writeSnapshot(keystore.store, { state, pages }, this.#audit);
          await keystore.rebase({ state, pages, overlay: new Overlay() });
        }
      }
      await removeUnnamed(keystore, isOfThePast(keystore, this.options.now(), this.#logged));
      await keystore.store.holdRoom(await roomForRevocation(keystore));
    } catch (error) {
      if (!isClusterCaError(error, 'ERR_STORAGE')) throw error;
      this.options.warn(`what is derived was not rebuilt: ${error.message}`);
    }
  }

  /** Visible is not durable: nothing is built on a record, or handed out because of it, that its writer may not have synced. */
  async #makeHeadDurable(): Promise<void> {
    const { state, store } = this.keystore;
    if (state.seq === this.#durable) return;
    await store.makeDurable(state.seq);
    this.#durable = state.seq;
  }

  /** Before the first append: in the place of a missing record another one would hide for ever that it is missing. */
  async #checkEnd(seq: number): Promise<void> {
    if (!this.#whole) await checkNoGap(this.keystore.store, seq);
    this.#whole = true;
  }

  /** What was appended cannot be taken back: a record that does not follow would close the keystore to everybody. */
  async #rehearse(state: LogState, entry: LogRecord, bytes: Uint8Array): Promise<Applied> {
    const { identity } = this.keystore;
    const pack = entry.op === 'issue' ? await this.keystore.pack(entry.body.pack, entry.seq) : [];
    try {
      return applyRecord(state, entry, recordHash(bytes), identity.id, pack);
    } catch (cause) {
      throw new Error(`a record that does not follow was about to be written: ${(cause as Error).message}`, { cause });
    }
  }

  /** A revocation that finds the disk full uses the room that was held for it. */
  async #append(seq: number, bytes: Uint8Array, op: Op, requestId: string) {
    const { store } = this.keystore;
    try {
      return await store.append(seq, bytes);
    } catch (error) {
      if (isClusterCaError(error, 'ERR_OUTCOME_UNKNOWN'))
        throw new ClusterCaError(error.code, error.message, {
          hint: afterUnknownOutcome(op, requestId),
          details: { requestId },
          cause: error,
        });
      if (op !== 'revoke' || !isClusterCaError(error, 'ERR_STORAGE') || !(await store.releaseRoom())) throw error;
      return store.append(seq, bytes);
    }
  }

  async #moveAnchor(): Promise<void> {
    const { seq, head } = this.keystore.state;
    const written = await writeAnchor(this.keystore.options.anchors, this.keystore.identity.id, { seq, head });
    const warning = written ?? this.#unwitnessed;
    this.#unwitnessed = undefined;
    if (warning === undefined || warning === this.#warned) return;
    this.#warned = warning;
    this.options.warn(warning);
  }

  /** Between what two times it is now, whatever this process has recorded by a clock that is far from the log's. */
  clockSpan(): { from: Date; to: Date } {
    const now = this.options.now();
    return clockSpan(clockLeap(this.#steady, now) === undefined ? this.keystore.state : this.#steady, now);
  }

  /** The head as people compare it. */
  get head(): string {
    return formatHead(this.keystore.state);
  }
}

async function roomForRevocation(keystore: Keystore): Promise<number> {
  const { id } = keystore.newestIssuing;
  return 2 * (await keystore.crl(id)).length + RECORD_LIMIT;
}

/** Who writes, as far as the operating system says: user@host. */
export function actor(): string {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    user = `uid ${process.geteuid?.() ?? '?'}`;
  }
  return `${user}@${hostname()}`;
}
