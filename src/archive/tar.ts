/** The block of a tar archive, in octets. */
export const BLOCK = 512;

/** A file of an archive. */
export interface TarEntry {
  /** At most 100 octets, or 155 and 100 on the two sides of a slash. */
  path: string;
  mode: number;
  content: Uint8Array | Content;
}

/** What is written straight into an archive. */
export interface Content {
  /** Octets. */
  readonly length: number;
  put(out: Uint8Array, at: number): void;
}

/** Octets that an entry takes, header and padding included. */
export function entryLength(contentLength: number): number {
  return BLOCK + Math.ceil(contentLength / BLOCK) * BLOCK;
}

/** The fields of a header (POSIX ustar) by their places. */
export const AT = { name: 0, mode: 100, size: 124, checksum: 148, magic: 257, prefix: 345 };

/** The headers of entries with one mode and time, but for path, size and checksum: with the sum of their octets. */
interface Blank {
  mode: number;
  octets: Uint8Array;
  sum: number;
}

function blankHeader(mode: number, seconds: number): Blank {
  const octets = new Uint8Array(BLOCK);
  putOctal(octets, AT.mode, mode, 8);
  putOctal(octets, 108, 0, 8);
  putOctal(octets, 116, 0, 8);
  putOctal(octets, 136, seconds, 12);
  octets.fill(0x20, AT.checksum, AT.checksum + 8);
  octets[156] = 0x30;
  putText(octets, AT.magic, 'ustar\x0000');
  return { mode, octets, sum: octets.reduce((sum, octet) => sum + octet, 0) };
}

/** The archive of these entries without its end, which is two empty blocks. `seconds`: modification time since 1970. */
export function tarEntries(entries: readonly TarEntry[], seconds: number): Uint8Array {
  const out = new Uint8Array(entries.reduce((sum, { content }) => sum + entryLength(content.length), 0));
  putEntries(out, entries, seconds);
  return out;
}

/** The same into octets that are there already, and zero. */
export function putEntries(out: Uint8Array, entries: readonly TarEntry[], seconds: number): void {
  const blanks: Blank[] = [];
  let at = 0;
  for (const { path, mode, content } of entries) {
    const blank = blanks.find((known) => known.mode === mode) ?? blankHeader(mode, seconds);
    if (!blanks.includes(blank)) blanks.push(blank);
    putHeader(out, at, blank, path, content.length);
    if (content instanceof Uint8Array) out.set(content, at + BLOCK);
    else content.put(out, at + BLOCK);
    at += entryLength(content.length);
  }
}

function putHeader(out: Uint8Array, at: number, blank: Blank, path: string, length: number): void {
  out.set(blank.octets, at);
  const [prefix, name] = splitPath(path);
  const sum =
    blank.sum +
    putText(out, at + AT.name, name) +
    putText(out, at + AT.prefix, prefix) +
    putOctal(out, at + AT.size, length, 12);
  putOctal(out, at + AT.checksum, sum, 7);
}

/** The end of an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

function splitPath(path: string): [prefix: string, name: string] {
  if (path.length <= 100) return ['', path];
  for (let at = path.indexOf('/'); at >= 0 && at <= 155; at = path.indexOf('/', at + 1))
    if (path.length - at - 1 <= 100) return [path.slice(0, at), path.slice(at + 1)];
  throw new Error(`too long for an archive: ${path}`);
}

/** @returns the sum of the octets */
function putText(out: Uint8Array, at: number, value: string): number {
  let sum = 0;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    out[at + i] = code;
    sum += code;
  }
  return sum;
}

/** @returns the sum of the octets */
function putOctal(out: Uint8Array, at: number, value: number, width: number): number {
  const digits = value.toString(8).padStart(width - 1, '0');
  out[at + width - 1] = 0;
  return putText(out, at, digits);
}
