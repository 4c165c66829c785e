/** The block of a tar archive, in octets. */
export const BLOCK = 512;

/** A file of an archive. */
export interface TarEntry {
  /** At most 100 octets, or 155 and 100 on the two sides of a slash. */
  path: string;
  mode: number;
  content: Uint8Array;
}

/** Octets that an entry takes, header and padding included. */
export function entryLength(contentLength: number): number {
  return BLOCK + Math.ceil(contentLength / BLOCK) * BLOCK;
}

/** Writes one entry (POSIX ustar) at an offset of zeroed octets. `seconds`: modification time since 1970. @returns the offset behind it */
export function writeEntry(out: Uint8Array, at: number, entry: TarEntry, seconds: number): number {
  const { path, mode, content } = entry;
  const [prefix, name] = splitPath(path);
  putText(out, at, name);
  putOctal(out, at + 100, mode, 8);
  putOctal(out, at + 108, 0, 8);
  putOctal(out, at + 116, 0, 8);
  putOctal(out, at + 124, content.length, 12);
  putOctal(out, at + 136, seconds, 12);
  out.fill(0x20, at + 148, at + 156);
  out[at + 156] = 0x30;
  putText(out, at + 257, 'ustar\x0000');
  putText(out, at + 345, prefix);
  let sum = 0;
  for (let i = at; i < at + BLOCK; i++) sum += out[i] as number;
  putOctal(out, at + 148, sum, 7);
  out.set(content, at + BLOCK);
  return at + entryLength(content.length);
}

/** The archive of these entries without its end, which is two empty blocks. */
export function tarEntries(entries: readonly TarEntry[], seconds: number): Uint8Array {
  const out = new Uint8Array(entries.reduce((sum, { content }) => sum + entryLength(content.length), 0));
  let at = 0;
  for (const entry of entries) at = writeEntry(out, at, entry, seconds);
  return out;
}

/** The end of an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

/** Reads the entries of an archive as far as they are whole: what a killed writer left behind ends anywhere. */
export function* readEntries(archive: Uint8Array): Generator<TarEntry> {
  for (let at = 0; at + BLOCK <= archive.length; ) {
    if (archive[at] === 0 || !hasMagic(archive, at)) return;
    const length = Number.parseInt(text(archive, at + 124, 12), 8);
    if (!Number.isSafeInteger(length) || at + BLOCK + length > archive.length) return;
    const prefix = text(archive, at + 345, 155);
    const name = text(archive, at, 100);
    const mode = Number.parseInt(text(archive, at + 100, 8), 8);
    yield {
      path: prefix === '' ? name : `${prefix}/${name}`,
      mode,
      content: archive.subarray(at + BLOCK, at + BLOCK + length),
    };
    at += entryLength(length);
  }
}

function hasMagic(archive: Uint8Array, at: number): boolean {
  return text(archive, at + 257, 6) === 'ustar';
}

function splitPath(path: string): [prefix: string, name: string] {
  if (path.length <= 100) return ['', path];
  for (let at = path.indexOf('/'); at >= 0 && at <= 155; at = path.indexOf('/', at + 1))
    if (path.length - at - 1 <= 100) return [path.slice(0, at), path.slice(at + 1)];
  throw new Error(`too long for an archive: ${path}`);
}

function putText(out: Uint8Array, at: number, value: string): void {
  for (let i = 0; i < value.length; i++) out[at + i] = value.charCodeAt(i);
}

function putOctal(out: Uint8Array, at: number, value: number, width: number): void {
  putText(out, at, value.toString(8).padStart(width - 1, '0'));
  out[at + width - 1] = 0;
}

function text(archive: Uint8Array, at: number, width: number): string {
  let out = '';
  for (let i = at; i < at + width && archive[i] !== 0; i++) out += String.fromCharCode(archive[i] as number);
  return out;
}
