import type { Severity } from '../alert.ts';
import type { Transition } from '../lifecycle.ts';

/** What is told at once. */
export interface Batch {
  cluster: string;
  /** When it is told; milliseconds since 1970. */
  at: number;
  transitions: readonly Transition[];
}

/** Somebody who is told of alerts. */
export interface Sink {
  /** As the inventory calls it. */
  readonly name: string;
  readonly minSeverity: Severity;
  /** It forgets what it is not told again, so what stands is told at every look too. */
  readonly forgets: boolean;
  /** The time that one attempt may take, in milliseconds. */
  readonly patience: number;
  /**
   * Tells it, once; what is told twice does no harm.
   * @param signal when it is to be given up
   * @throws ERR_REMOTE, ERR_TIMEOUT; `isPermanent` tells whether another attempt is of use
   */
  send(batch: Batch, signal: AbortSignal): Promise<void>;
}

/** The time that one attempt over the network may take. */
export const PATIENCE = 10_000;
/** From which severity on a sink is told that does not say. */
export const DEFAULT_SEVERITY: Severity = 'warning';
