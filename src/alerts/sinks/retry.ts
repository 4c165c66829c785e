import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { isPermanent } from './failure.ts';

/** The pauses between attempts: at most these, doubled each time. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

export interface Patience {
  /** What one attempt may take, and all of them with their pauses; milliseconds. */
  attempt: number;
  deadline: number;
  /** Ends it at once. */
  signal: AbortSignal;
  /** The longest first pause. */
  firstPause?: number;
}

/**
 * Tries until it succeeds, fails for good, or the time is over. The pauses are random up to their length, so that many
 * who lost the same receiver do not come back at the same moment.
 * @throws the last failure
 */
export async function withRetries(
  attempt: (signal: AbortSignal) => Promise<void>,
  { attempt: most, deadline, signal, firstPause = FIRST_PAUSE }: Patience,
): Promise<void> {
  const started = performance.now();
  for (let pause = firstPause; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      await inTime(attempt, most, signal);
      return;
    } catch (error) {
      const wait = Math.random() * pause;
      if (isPermanent(error) || signal.aborted || performance.now() - started + wait >= deadline) throw error;
      await sleep(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) throw error;
    }
  }
}

/** One attempt. What does not heed its signal is left behind. */
async function inTime(attempt: (signal: AbortSignal) => Promise<void>, most: number, signal: AbortSignal) {
  const own = new AbortController();
  const giveUp = (): void => own.abort();
  signal.addEventListener('abort', giveUp, { once: true });
  const timer = setTimeout(giveUp, most);
  let grace: NodeJS.Timeout | undefined;
  const left = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => {
      // A moment, in which the attempt itself can say how far it came.
      grace = setTimeout(() => reject(new ClusterCaError('ERR_TIMEOUT', 'it does not answer in time')), 200);
    });
  });
  try {
    if (signal.aborted) giveUp();
    await Promise.race([attempt(own.signal), left]);
  } catch (error) {
    if (isClusterCaError(error)) throw error;
    throw new ClusterCaError('ERR_REMOTE', `a bug in a sink: ${String(error)}`, {
      details: { permanent: true },
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    signal.removeEventListener('abort', giveUp);
  }
}
