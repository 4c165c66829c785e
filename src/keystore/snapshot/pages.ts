import { sha256Hex } from '../../crypto/hash.ts';
import { compareBytes } from '../../pki/der/writer.ts';
import { fromHex, toHex } from '../../pki/encoding.ts';
import { hex, integer, list, pattern, record, type Shaped } from '../shape.ts';
import { compareKeys, RowBuffer } from './row-buffer.ts';
import type { RowKind } from './row-kind.ts';

/** Octets of a page at most, before it is split in halves. */
const PAGE_LIMIT = 256 * 1024;

export const page = record({ first: pattern(/^([0-9a-f]{2})*$/, 'a key'), count: integer, sha256: hex(32) });
/** A page: its first key in hex without trailing zero octets, how many rows, and the hash of its content. */
export type Page = Shaped<typeof page>;
export const pageList = list(page, 65_536);

/** Where pages are kept, by hash. `get` checks it; it throws `PageMissing` for what is gone or damaged. */
export interface PageStore {
  get(sha256: string): Promise<Uint8Array>;
  put(sha256: string, bytes: Uint8Array): Promise<void>;
}

/** A page of the snapshot cannot be read: the snapshot is a cache, so the log answers instead. */
export class PageMissing extends Error {}

/** Reads every row whose key begins with `prefix`, in order. */
export async function* rowsFrom<T>(
  kind: RowKind<T>,
  pages: readonly Page[],
  store: PageStore,
  prefix: Uint8Array,
): AsyncGenerator<T> {
  for (let i = firstPage(pages, prefix); i < pages.length; i++) {
    const entry = pages[i] as Page;
    const bytes = await store.get(entry.sha256);
    for (let row = lowerBound(kind, bytes, prefix); row < entry.count; row++) {
      const found = bytes.subarray(row * kind.width, (row + 1) * kind.width);
      if (compareBytes(found.subarray(0, prefix.length), prefix) !== 0) return;
      yield kind.decode(found);
    }
  }
}

/** The same from the last to the first. */
export async function* rowsBack<T>(
  kind: RowKind<T>,
  pages: readonly Page[],
  store: PageStore,
  prefix: Uint8Array,
): AsyncGenerator<T> {
  for (let i = lastPage(pages, prefix); i >= 0; i--) {
    const bytes = await store.get((pages[i] as Page).sha256);
    for (let row = upperBound(kind, bytes, prefix) - 1; row >= 0; row--) {
      const found = bytes.subarray(row * kind.width, (row + 1) * kind.width);
      if (compareBytes(found.subarray(0, prefix.length), prefix) !== 0) return;
      yield kind.decode(found);
    }
  }
}

/** Reads every row in order. */
export function allRows<T>(kind: RowKind<T>, pages: readonly Page[], store: PageStore): AsyncGenerator<T> {
  return rowsFrom(kind, pages, store, new Uint8Array(0));
}

/** Puts rows in, replacing those with the same key unless the first counts; only the pages they fall into are read and written. */
export async function mergeRows(
  kind: RowKind<unknown>,
  pages: readonly Page[],
  store: PageStore,
  rows: RowBuffer,
): Promise<Page[]> {
  const order = rows.order(kind.keyWidth);
  const out: Page[] = [];
  let next = 0;
  for (let i = 0; i < Math.max(pages.length, 1); i++) {
    const entry = pages[i];
    const end = pages[i + 1] === undefined ? undefined : fromHex((pages[i + 1] as Page).first);
    const from = next;
    while (next < order.length && (end === undefined || compareBytes(rows.at(order[next] as number), end) < 0)) next++;
    if (from === next) {
      if (entry !== undefined) out.push(entry);
      continue;
    }
    const old = entry === undefined ? new Uint8Array(0) : await store.get(entry.sha256);
    out.push(...(await writePages(kind, mergePage(kind, old, rows, order.subarray(from, next)), store)));
  }
  return out;
}

/** The rows of a page and those that are added, in their order. */
function mergePage(kind: RowKind<unknown>, old: Uint8Array, rows: RowBuffer, order: Uint32Array): RowBuffer {
  const { width, keyWidth } = kind;
  const out = new RowBuffer(width);
  let at = 0;
  for (const index of order) {
    const row = rows.at(index);
    for (; at < old.length && compareKeys(old, at, row, 0, keyWidth) <= 0; at += width)
      put(kind, out, old.subarray(at, at + width));
    put(kind, out, row);
  }
  for (; at < old.length; at += width) put(kind, out, old.subarray(at, at + width));
  return out;
}

/** Behind the others, or in place of the last one where that has the same key. */
function put(kind: RowKind<unknown>, out: RowBuffer, row: Uint8Array): void {
  const last = out.length === 0 ? undefined : out.at(out.length - 1);
  if (last === undefined || compareKeys(last, 0, row, 0, kind.keyWidth) !== 0) out.push(row);
  else if (!kind.firstCounts) last.set(row);
}

async function writePages(kind: RowKind<unknown>, rows: RowBuffer, store: PageStore): Promise<Page[]> {
  const { width, keyWidth } = kind;
  const most = Math.floor(PAGE_LIMIT / width);
  const each = Math.ceil(rows.length / Math.ceil(rows.length / most));
  const out: Page[] = [];
  const written: Promise<void>[] = [];
  for (let at = 0; at < rows.length; at += each) {
    const count = Math.min(each, rows.length - at);
    const bytes = rows.bytes.slice(at * width, (at + count) * width);
    const sha256 = sha256Hex(bytes);
    written.push(store.put(sha256, bytes));
    const first = toHex(bytes.subarray(0, keyWidth)).replace(/(00)+$/, '');
    out.push({ first, count, sha256 });
  }
  await Promise.all(written);
  return out;
}

/** The last page whose first key is not after `prefix`. */
function firstPage(pages: readonly Page[], prefix: Uint8Array): number {
  let low = 0;
  let high = pages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(fromHex((pages[middle] as Page).first), prefix) < 0) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The last page whose first row may begin with `prefix`, or with what is before it; -1 when there is none. */
function lastPage(pages: readonly Page[], prefix: Uint8Array): number {
  let low = 0;
  let high = pages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const first = fromHex((pages[middle] as Page).first).subarray(0, prefix.length);
    if (compareBytes(first, prefix) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first row of a page whose key is not before `prefix`. */
function lowerBound(kind: RowKind<unknown>, bytes: Uint8Array, prefix: Uint8Array): number {
  return firstRow(kind, bytes, (key) => compareBytes(key.subarray(0, prefix.length), prefix) >= 0);
}

/** The first row of a page whose key is behind all that begin with `prefix`. */
function upperBound(kind: RowKind<unknown>, bytes: Uint8Array, prefix: Uint8Array): number {
  return firstRow(kind, bytes, (key) => compareBytes(key.subarray(0, prefix.length), prefix) > 0);
}

/** The first row that is far enough; all behind it are. */
function firstRow(kind: RowKind<unknown>, bytes: Uint8Array, isFarEnough: (row: Uint8Array) => boolean): number {
  let low = 0;
  let high = bytes.length / kind.width;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isFarEnough(bytes.subarray(middle * kind.width, (middle + 1) * kind.width))) high = middle;
    else low = middle + 1;
  }
  return low;
}
