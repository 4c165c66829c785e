import { ClusterCaError } from '../../errors.ts';
import { type Severity, worse } from '../alert.ts';
import type { Transition } from '../lifecycle.ts';
import { withRetries } from './retry.ts';
import type { Sink } from './sink.ts';

/** How long one batch is tried for: a receiver that is restarted misses nothing. */
const DEADLINE = 15 * 60_000;
/** Transitions that wait for a sink at most; beyond, the oldest are given up. */
const MOST_WAITING = 2048;

export interface DispatcherOptions {
  cluster: string;
  now: () => Date;
  /** A sink was told. */
  delivered?: (sink: string, transitions: number) => void;
  /** A sink could not be told: the daemon says so, and counts it. */
  failed: (sink: string, error: ClusterCaError, transitions: number) => void;
  deadline?: number;
  firstPause?: number;
}

/**
 * Tells the sinks. Each has a queue and works for itself: one that hangs holds up neither the daemon nor the others.
 * What cannot be told within its time is given up and reported; the alert is repeated a day later.
 */
export class Dispatcher {
  readonly #queues: Queue[];

  constructor(sinks: readonly Sink[], options: DispatcherOptions) {
    this.#queues = sinks.map((sink) => new Queue(sink, options));
  }

  /** Tells what has been recorded. Returns at once. */
  tell(transitions: readonly Transition[]): void {
    for (const queue of this.#queues) queue.add(transitions);
  }

  /** Tells what stands (`standing`) to those who forget it. Call it after each look. Returns at once. */
  remind(transitions: readonly Transition[]): void {
    for (const queue of this.#queues) if (queue.sink.forgets && queue.isIdle) queue.add(transitions);
  }

  /** Waits until everything is told, or until this time has passed; the rest is given up. @param grace milliseconds */
  async stop(grace: number): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.stop(grace)));
  }
}

class Queue {
  readonly sink: Sink;
  readonly #options: DispatcherOptions;
  readonly #stopped = new AbortController();
  #waiting: Transition[] = [];
  #work: Promise<void> | undefined;

  constructor(sink: Sink, options: DispatcherOptions) {
    this.sink = sink;
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#work === undefined;
  }

  add(transitions: readonly Transition[]): void {
    if (this.#stopped.signal.aborted) return;
    this.#waiting.push(...transitions.filter(({ alert }) => isFor(alert.severity, this.sink.minSeverity)));
    const excess = this.#waiting.length - MOST_WAITING;
    if (excess > 0) {
      this.#waiting.splice(0, excess);
      const error = new ClusterCaError('ERR_REMOTE', `${excess} changes of alerts were too many to wait for it`);
      this.#options.failed(this.sink.name, error, excess);
    }
    if (this.#waiting.length > 0) this.#work ??= this.#drain();
  }

  async stop(grace: number): Promise<void> {
    const timer = setTimeout(() => this.#stopped.abort(), grace);
    await this.#work;
    clearTimeout(timer);
    this.#stopped.abort();
  }

  async #drain(): Promise<void> {
    const { cluster, now, delivered, failed, deadline = DEADLINE, firstPause } = this.#options;
    const { sink } = this;
    const { signal } = this.#stopped;
    while (this.#waiting.length > 0) {
      const transitions = this.#waiting;
      this.#waiting = [];
      const batch = { cluster, at: now().getTime(), transitions };
      const patience = {
        attempt: sink.patience,
        deadline,
        signal,
        ...(firstPause === undefined ? {} : { firstPause }),
      };
      try {
        await withRetries((attempt) => sink.send(batch, attempt), patience);
        delivered?.(sink.name, transitions.length);
      } catch (error) {
        failed(sink.name, error as ClusterCaError, transitions.length);
      }
    }
    this.#work = undefined;
  }
}

function isFor(severity: Severity, least: Severity): boolean {
  return severity === least || worse(severity, least);
}
