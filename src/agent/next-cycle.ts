/** How often the services are looked at when nothing has happened, milliseconds. */
export const LOOK = 60_000;

/** The moments that a cycle of an agent knows of when it ends; milliseconds since 1970. */
export interface Moments {
  /** When it began: what was due by then it has renewed, or it has failed to. */
  began: number;
  now: number;
  /** When the certificates that the node has now are due. */
  dues: readonly number[];
  /** When what has failed may be tried again. */
  retries: readonly number[];
}

/**
 * When the next cycle is to begin at the latest, milliseconds since 1970. What has come due while this one was at work,
 * with servers that were slow, is not put off until the next look: a short life would be over by then. Pure.
 */
export function nextCycle({ began, now, dues, retries }: Moments): number {
  return Math.min(now + LOOK, ...retries, ...dues.filter((due) => due > began));
}
