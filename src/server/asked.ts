import * as z from 'zod';
import { sha256Hex } from '../crypto/hash.ts';
import type { Caller } from './http/caller.ts';
import { Problem } from './http/problem.ts';
import type { Reply } from './http/route.ts';
import type { Job } from './jobs.ts';

// What the routes have in common that ask for work: how long they wait, and that a key names one request.

const LONGEST_WAIT = 900;
/** Keys that are remembered while the daemon runs; after a restart the log knows them. */
const REMEMBERED = 1000;

export const workHeadersSchema = z.looseObject({
  prefer: z
    .string()
    .max(200)
    .optional()
    .describe('RFC 7240: `wait=N` seconds, 900 at most and by default; `respond-async` answers 202 at once'),
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, '1 to 128 printable characters without a space')
    .optional()
    .describe('the same key with the same request does nothing twice, not even after a restart of the daemon'),
});

export interface Started {
  job: Job;
  ended: Promise<Job>;
}

/** What keys stand for while the daemon runs. */
export class Keys {
  readonly #keyed = new Map<string, Started & { hash: string }>();

  /** @throws Problem 422 for a key that stands for another request */
  find(requestId: string, hash: string): Started | undefined {
    const known = this.#keyed.get(requestId);
    if (known !== undefined && known.hash !== hash) throw otherRequest();
    return known;
  }

  remember(requestId: string, hash: string, started: Started): void {
    if (this.#keyed.size >= REMEMBERED) this.#keyed.delete(this.#keyed.keys().next().value as string);
    this.#keyed.set(requestId, { hash, ...started });
  }
}

/** A key is the caller's own: somebody else's same key is another. */
export function requestIdOf({ name }: Caller, key: string): string {
  return `rest-${sha256Hex(new TextEncoder().encode(`${name}\0${key}`)).slice(0, 48)}`;
}

export function otherRequest(): Problem {
  return new Problem(422, 'idempotency-key', 'this Idempotency-Key stands for another request', {
    hint: 'a key names one request for ever: take a new one',
  });
}

/** What the work comes to, or 202 when the caller waits no longer, or the daemon stops. @throws what `outcome` throws */
export async function replyWhenDone(
  { job, ended }: Started,
  prefer: string | undefined,
  stopping: AbortSignal,
  outcome: (job: Job) => Reply,
  document: (job: Job) => object,
): Promise<Reply> {
  const { wait, applied } = preference(prefer);
  const done = await withinSeconds(ended, wait, stopping);
  const reply =
    done === undefined
      ? { status: 202, body: document(job), headers: { Location: `/v1/jobs/${job.id}` } }
      : outcome(done);
  return applied === undefined ? reply : { ...reply, headers: { ...reply.headers, 'Preference-Applied': applied } };
}

/** RFC 7240: what of the preferences is heeded. */
function preference(prefer = ''): { wait: number; applied: string | undefined } {
  const parts = prefer.split(',').map((part) => part.trim().toLowerCase());
  if (parts.includes('respond-async')) return { wait: 0, applied: 'respond-async' };
  const seconds = parts.flatMap((part) => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(part)?.[1] ?? [])[0];
  if (seconds === undefined) return { wait: LONGEST_WAIT, applied: undefined };
  const wait = Math.min(Number(seconds), LONGEST_WAIT);
  return { wait, applied: `wait=${wait}` };
}

/**
 * What the work comes to; undefined when it takes longer, or the daemon stops. Nothing of the work hangs on the signal
 * afterwards: that lasts for as long as the daemon.
 */
function withinSeconds<T>(work: Promise<T>, seconds: number, stopping: AbortSignal): Promise<T | undefined> {
  if (stopping.aborted) return Promise.resolve(undefined);
  return new Promise<T | undefined>((resolve, reject) => {
    const giveUp = (): void => settle(() => resolve(undefined));
    const timer = setTimeout(giveUp, seconds * 1000);
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      stopping.removeEventListener('abort', giveUp);
      how();
    };
    stopping.addEventListener('abort', giveUp);
    work.then(
      (done) => settle(() => resolve(done)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
