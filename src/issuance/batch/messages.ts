import type { EntryOctets } from './output.ts';
import type { SliceItem } from './slice.ts';

/** A place in an open file: descriptors belong to the process, whichever of its threads uses them. */
export interface FilePlace {
  fd: number;
  at: number;
}

/**
 * What it is asked: to make a slice, to stage its keys, and once it is committed to write its files, or to put them
 * into an archive, or to forget it. Private keys never leave the thread that made them but to a file.
 */
export type WorkerRequest =
  | { type: 'make'; id: number; items: SliceItem[] }
  | ({ type: 'stage'; id: number } & FilePlace)
  | { type: 'write'; id: number; out: string }
  | ({ type: 'archive'; id: number } & FilePlace)
  | { type: 'drop'; id: number };

export type WorkerReply =
  | { type: 'made'; id: number; ders: Uint8Array; lengths: Uint32Array; ends: Float64Array; octets: EntryOctets }
  | { type: 'written'; id: number; failed: { index: number; path: string; errno: string }[] }
  | { type: 'put'; id: number; failure?: { message: string; code: string | undefined } }
  | { type: 'dropped'; id: number }
  | { type: 'failed'; id: number; message: string };
