import { rootOf } from '../../keystore/hierarchy.ts';
import type { LogState } from '../../keystore/log/state.ts';
import type { Side } from '../phase.ts';

/** Which side of the rollover a CA of the log is of; undefined for one of a root that went before. */
export function sideOfAuthority(state: LogState, id: string): Side | undefined {
  const generation = state.authorities.find((authority) => authority.id === id)?.generation;
  if (generation === undefined) return undefined;
  return (['new', 'old'] as const).find((side) => rootOf(state, side)?.generation === generation);
}
