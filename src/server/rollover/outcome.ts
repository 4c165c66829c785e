import type { ServiceObject } from '../../deployment/document.ts';
import type { ClusterCaError } from '../../errors.ts';
import type { RolloverBoard } from '../../rollover/running/board.ts';

/** What a step of a rollover came to. */
export interface RolloverOutcome {
  document: RolloverBoard & { deployed: ServiceObject[]; warnings?: string[] };
  /** Services that have not taken what the phase wants. */
  verdict?: ClusterCaError | undefined;
}
