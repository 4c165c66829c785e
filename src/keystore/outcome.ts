import type { Op } from './log/bodies.ts';

/** Where it is seen whether a record of this kind came to be; none where the same command again does no harm. */
const SHOWN_BY: Partial<Record<Op, string>> = {
  slots: 'cluster-ca keystore slot list',
  rewrap: 'cluster-ca keystore slot list',
  trust: 'cluster-ca trust list',
  rollover: 'cluster-ca rollover status',
  withdraw: 'cluster-ca rollover status',
  issuing: 'cluster-ca rollover status',
  revoke: 'cluster-ca list',
};

/**
 * What to do when it cannot be told whether a record was stored. Only `issue` and `rotate` take a request id, by which
 * they find what they have done: the others have none to be given.
 */
export function afterUnknownOutcome(op: Op, requestId: string): string {
  if (op === 'reserve' || op === 'issue')
    return `run the same command again; issue and rotate with --request-id ${requestId}, by which they find what was done`;
  const shown = SHOWN_BY[op];
  return shown === undefined
    ? 'run the same command again: that does no harm if it was stored'
    : `${shown} shows whether it was; if not, run the same command again`;
}
