import { sha256Hex } from '../../crypto/hash.ts';
import { isClusterCaError } from '../../errors.ts';
import type { Signer } from '../../pki/signer.ts';
import { decodeCanonical, versionOf } from '../canonical.ts';
import type { IndexPages } from '../certificates/index.ts';
import { stateShape } from '../log/bodies.ts';
import { decodeSignedLine, encodeSignedLine } from '../log/record.ts';
import type { LogState } from '../log/state.ts';
import { integer, record } from '../shape.ts';
import type { Store } from '../store.ts';
import { type Page, PageMissing, type PageStore, pageList } from './pages.ts';

/** The state up to one record, so that opening reads only what came after. A cache: signed, verified, rebuildable. */
export interface Snapshot {
  state: LogState;
  pages: IndexPages;
}

const HEAD = 'head';
const shape = record({
  v: integer,
  state: stateShape,
  pages: record({ certificates: pageList, serials: pageList, times: pageList, revoked: pageList, requests: pageList }),
});

/** Pages of 256 KiB at most that are kept. */
const KEPT_PAGES = 32;

/** The snapshot's pages, each checked against its name when it is first read. */
export class SnapshotPages implements PageStore {
  readonly #store: Store;
  readonly #read = new Map<string, Uint8Array>();

  constructor(store: Store) {
    this.#store = store;
  }

  async get(sha256: string): Promise<Uint8Array> {
    const known = this.#read.get(sha256);
    if (known !== undefined) {
      this.#read.delete(sha256);
      this.#read.set(sha256, known);
      return known;
    }
    const bytes = await this.#store.readBlob('snapshot', sha256);
    if (bytes === undefined || sha256Hex(bytes) !== sha256) throw new PageMissing(`snapshot/${sha256}`);
    // Questions touch few pages, again and again; a walk over all of them must not keep all of them.
    if (this.#read.size >= KEPT_PAGES) this.#read.delete(this.#read.keys().next().value as string);
    this.#read.set(sha256, bytes);
    return bytes;
  }

  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    await this.#store.createBlob('snapshot', sha256, bytes);
  }
}

/** The snapshot; undefined where there is none, or one of a later version. @throws ERR_KEYSTORE_TAMPERED when its form or signature is wrong */
export async function readSnapshot(
  store: Store,
  keystoreId: string,
  auditKey: Uint8Array,
): Promise<Snapshot | undefined> {
  const bytes = await store.readBlob('snapshot', HEAD);
  if (bytes === undefined) return undefined;
  const what = 'snapshot/head';
  const value = decodeSignedLine('snapshot', keystoreId, bytes, auditKey, what);
  if (versionOf(value) !== 1) return undefined;
  const { state, pages } = shape(value, what);
  return { state, pages };
}

/** Writes a snapshot, then removes the pages that it does not name. */
export async function writeSnapshot(store: Store, snapshot: Snapshot, signer: Signer): Promise<void> {
  const { state, pages } = snapshot;
  const old = await store.readBlob('snapshot', HEAD);
  const bytes = await encodeSignedLine('snapshot', state.keystoreId, { v: 1, state, pages }, signer);
  if (!(await store.replaceBlob('snapshot', HEAD, old === undefined ? undefined : sha256Hex(old), bytes))) return;
  const live = new Set([HEAD, ...namesOf(pages)]);
  for (const name of await store.listBlobs('snapshot')) if (!live.has(name)) await store.deleteBlob('snapshot', name);
  await dropIncomplete(store);
}

/**
 * Two writers at once, which the lock only makes rare, may each remove pages of the other's: then there is no snapshot,
 * which is no damage. Each looks when it has done both, so that the later one finds it.
 */
async function dropIncomplete(store: Store): Promise<void> {
  const bytes = await store.readBlob('snapshot', HEAD);
  if (bytes === undefined) return;
  const there = new Set(await store.listBlobs('snapshot'));
  if (namesIn(bytes).some((name) => !there.has(name))) await store.deleteBlob('snapshot', HEAD);
}

const namesOf = (pages: IndexPages): string[] => (Object.values(pages) as Page[][]).flat().map(({ sha256 }) => sha256);

/** The pages that a head names; none for one that is damaged, which is for others to find. */
function namesIn(head: Uint8Array): string[] {
  try {
    const [line = ''] = new TextDecoder().decode(head).split('\n');
    return namesOf(shape(decodeCanonical(line, 'snapshot/head'), 'snapshot/head').pages);
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return [];
  }
}
