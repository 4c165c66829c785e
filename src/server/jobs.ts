import { randomBytes } from '../crypto/hash.ts';
import { toHex } from '../pki/encoding.ts';
import { formatTime } from '../values/time.ts';
import { Problem, problemOf } from './http/problem.ts';
import type { RolloverOutcome } from './rollover/outcome.ts';
import type { RotationResult } from './rotation/result.ts';

/** Jobs that have ended are remembered, this many of them. */
const REMEMBERED = 1000;

export interface Job {
  id: string;
  /** Who asked: a person's name, or `schedule`. */
  by: string;
  state: 'waiting' | 'running' | 'done' | 'failed';
  createdAt: string;
  endedAt?: string;
  progress: { done: number; total: number };
  /** Of a rotation. */
  nodes: RotationResult[];
  /** Of a step of a rollover. */
  rollover?: RolloverOutcome;
  /** What stopped all of it. */
  problem?: Problem;
}

export interface Work {
  by: string;
  total: number;
  run: (onDone: (count: number) => void) => Promise<{ nodes: RotationResult[] } | { rollover: RolloverOutcome }>;
}

/**
 * Rotations and steps of a rollover, one after the other: two at once would take nodes out of service that the other counts on. In memory: what
 * a job has done is in the log, and what it has not is done by the next.
 */
export class Jobs {
  readonly #jobs = new Map<string, Job>();
  readonly #now: () => Date;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #open = 0;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** True while one is waiting or running. */
  get isBusy(): boolean {
    return this.#open > 0;
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Puts work at the end of the queue. @returns the job, and when it has ended */
  add(work: Work): { job: Job; ended: Promise<Job> } {
    const job: Job = {
      id: toHex(randomBytes(16)),
      by: work.by,
      state: 'waiting',
      createdAt: formatTime(this.#now()),
      progress: { done: 0, total: work.total },
      nodes: [],
    };
    this.#remember(job);
    this.#open++;
    const ended = this.#last.then(() => this.#run(job, work));
    this.#last = ended;
    return { job, ended };
  }

  /** Begins nothing more, and waits for the job that is running. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  async #run(job: Job, work: Work): Promise<Job> {
    job.state = 'running';
    try {
      if (this.#closed) throw new Problem(503, 'stopping', 'the daemon is stopping: this was not begun');
      const result = await work.run((count) => {
        job.progress.done = Math.min(job.progress.total, job.progress.done + count);
      });
      Object.assign(job, result);
      const ok = job.nodes.every(({ state }) => state === 'rotated') && job.rollover?.verdict === undefined;
      job.state = ok ? 'done' : 'failed';
      if (ok) job.progress.done = job.progress.total;
    } catch (error) {
      job.state = 'failed';
      job.problem = problemOf(error);
    }
    job.endedAt = formatTime(this.#now());
    this.#open--;
    return job;
  }

  #remember(job: Job): void {
    this.#jobs.set(job.id, job);
    for (const [id, { endedAt }] of this.#jobs) {
      if (this.#jobs.size <= REMEMBERED) return;
      if (endedAt !== undefined) this.#jobs.delete(id);
    }
  }
}

/** As `/v1/jobs/{job}` shows it. */
export function jobDocument({ id, by, state, createdAt, endedAt, progress, nodes, rollover, problem }: Job) {
  return {
    schemaVersion: 1,
    job: id,
    by,
    state,
    createdAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    progress,
    nodes,
    ...(rollover === undefined ? {} : { rollover: rollover.document }),
    ...(problem === undefined ? {} : { error: problem.document }),
  };
}
