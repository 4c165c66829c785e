import type { Holder, Role } from './subject.ts';

export type GuardName = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'GR';

/** Who or what keeps a rollover from its next step, and what to do about it. */
export interface Blocker {
  readonly guard: GuardName;
  /** Absent where it is nobody's: a backup that was not made. */
  readonly holder?: Holder;
  readonly service?: string;
  readonly role?: Role;
  /** In lower case, names the object, no full stop. */
  readonly reason: string;
  /** The command that helps. */
  readonly hint: string;
}

/** The holders that block, each once, in the order of the blockers; '' never among them. */
export function blockingHolders(blockers: readonly Blocker[]): string[] {
  return [...new Set(blockers.flatMap(({ holder }) => (holder === undefined ? [] : [holder.name])))];
}
