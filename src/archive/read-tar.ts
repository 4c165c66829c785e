import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AT, BLOCK, entryLength } from './tar.ts';

/** A file of an archive, read. */
export interface ReadEntry {
  path: string;
  mode: number;
  content: Uint8Array;
}

/**
 * Reads entries of an archive file as far as they are whole: what a killed writer left behind ends anywhere. An archive
 * of a fleet is large: only what is wanted is read.
 */
export function* readTar(file: string, isWanted: (path: string) => boolean): Generator<ReadEntry> {
  const fd = openSync(file, 'r');
  try {
    const end = fstatSync(fd).size;
    const header = new Uint8Array(BLOCK);
    for (let at = 0; at + BLOCK <= end; ) {
      if (!readWhole(fd, header, at) || text(header, AT.magic, 6) !== 'ustar') return;
      const length = octal(header, AT.size, 12);
      if (!Number.isSafeInteger(length) || at + BLOCK + length > end) return;
      const prefix = text(header, AT.prefix, 155);
      const name = text(header, AT.name, 100);
      const path = prefix === '' ? name : `${prefix}/${name}`;
      if (isWanted(path)) {
        const content = new Uint8Array(length);
        if (!readWhole(fd, content, at + BLOCK)) return;
        yield { path, mode: octal(header, AT.mode, 8), content };
      }
      at += entryLength(length);
    }
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, into: Uint8Array, at: number): boolean {
  for (let done = 0; done < into.length; ) {
    const count = readSync(fd, into, done, into.length - done, at + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

function octal(header: Uint8Array, at: number, width: number): number {
  return Number.parseInt(text(header, at, width), 8);
}

function text(header: Uint8Array, at: number, width: number): string {
  let out = '';
  for (let i = at; i < at + width && header[i] !== 0; i++) out += String.fromCharCode(header[i] as number);
  return out;
}
