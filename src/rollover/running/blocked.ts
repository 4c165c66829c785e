import type { ServiceObject } from '../../deployment/document.ts';
import { ClusterCaError } from '../../errors.ts';
import type { Phase } from '../phase.ts';
import { type Blocker, blockingHolders } from '../planning/blocker.ts';
import { boardBlocker } from '../planning/board.ts';

/** A guard that does not hold: 6, with who blocks. */
export function blockedError(phase: Phase, blockers: readonly Blocker[]): ClusterCaError {
  const blocking = blockingHolders(blockers);
  const [first] = blockers;
  const who = blocking.length === 0 ? '' : ` by ${blocking.join(', ')}`;
  return new ClusterCaError('ERR_STATE', `the rollover is blocked in ${phase}${who}: ${first?.reason}`, {
    hint: first?.hint,
    details: { phase, blocking, blockers: blockers.map(boardBlocker) },
  });
}

/** What a blocker says to people, and of which service. */
interface Told {
  readonly service?: string;
  readonly reason: string;
  readonly hint: string;
}

/**
 * The same blockers, with what came of it where this run has deployed to them in vain; those that failed come first:
 * they are what is to be mended, and the others may block for no other reason.
 */
export function withFailures<B extends Told>(
  blockers: readonly B[],
  nameOf: (blocker: B) => string | undefined,
  deployed: readonly ServiceObject[],
): B[] {
  const failed: B[] = [];
  const others: B[] = [];
  for (const blocker of blockers) {
    const name = nameOf(blocker);
    const { error, state } = failureOf(name, blocker.service, deployed) ?? {};
    if (error === undefined) others.push(blocker);
    else if (state === 'failed') {
      const reason = `${blocker.reason}; deploying it failed: ${error.message}`;
      const hint = `${error.hint ?? 'mend it'}; then run the same command again; where it is gone for good: cluster-ca rollover advance --exclude ${name}`;
      failed.push({ ...blocker, reason, hint });
    } else others.push({ ...blocker, reason: `${blocker.reason}; ${error.message}`, hint: error.hint ?? blocker.hint });
  }
  return [...failed, ...others];
}

function failureOf(name: string | undefined, service: string | undefined, deployed: readonly ServiceObject[]) {
  return deployed.find(({ node, kind, address, dir, error }) => {
    if (node !== name || error === undefined) return false;
    const label = `${kind} ${address ?? dir}`;
    return service === undefined || service === label || service.startsWith(`${label} (`);
  });
}
