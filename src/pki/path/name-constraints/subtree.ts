/**
 * One subtree of a name constraint (RFC 5280 §4.2.1.10), ready to be compared with names of its form. The two
 * questions differ for a name that stands for many (a wildcard) and for one that cannot be read: such a name is
 * never permitted and always excluded.
 */
export interface Subtree<Name> {
  /** Whether everything that the name stands for lies inside. */
  holds(name: Name): boolean;
  /** Whether something that the name stands for may lie inside. */
  touches(name: Name): boolean;
}

/** A subtree that is no legal base of its form. */
export class SubtreeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SubtreeError';
  }
}

/** For forms where a name stands for itself only; `undefined` is one that cannot be read. */
export function exactSubtree<Name>(inside: (name: Name) => boolean): Subtree<Name | undefined> {
  return {
    holds: (name) => name !== undefined && inside(name),
    touches: (name) => name === undefined || inside(name),
  };
}
