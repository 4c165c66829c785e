import type { Kind } from '../log/bodies.ts';

/**
 * Fixed-width rows of the snapshot's index. A row begins with its key; keys sort as octets. Numbers are big-endian,
 * times are milliseconds in 6 octets (0: none), names are padded with zeros.
 */
export interface RowKind<T> {
  width: number;
  keyWidth: number;
  /** Of two rows with one key the first written stays; otherwise the last. */
  firstCounts?: true;
  encode(value: T): Uint8Array;
  decode(row: Uint8Array): T;
}

/** Kinds of holders, by the number that a row has for them. */
export const KINDS: Kind[] = ['node', 'client', 'probe'];
