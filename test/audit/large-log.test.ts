import { beforeAll, describe, expect, test } from '@jest/globals';
import { originOf, readCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.ts';
import { inclusionProof, leafHash, MerkleTree, provesInclusion } from '../../src/audit/merkle.ts';
import { checkLeaves, logLeaves } from '../../src/audit/prove.ts';
import { auditLog } from '../../src/audit/verify.ts';
import { layout } from '../../src/keystore/directory/layout.ts';
import type { MemoryStore } from '../keystore/support/memory-store.ts';
import { AUDIT, IDENTITY, SmallLog } from '../keystore/support/small-log.ts';

// One record in 100,000 altered, removed, moved or cut off, by somebody who can forge everything but the audit key's
// signature on the checkpoint: the tree alone finds it, whatever the records say.
const RECORDS = 100_000;
/** So many are whole records: those that a replay comes to. Behind them the tree alone looks, and any octets will do. */
const WHOLE = 2500;
const path = (seq: number): string => layout.record('', seq);

let store: MemoryStore;
let tree: Uint8Array;
let checkpoint: string;

beforeAll(async () => {
  const log = new SmallLog();
  store = log.store;
  const grown = new MerkleTree();
  grown.add(leafHash((await store.readRecord(0)) as Uint8Array));
  const add = async (seq: number): Promise<void> => grown.add(leafHash((await store.readRecord(seq)) as Uint8Array));
  while (grown.size < WHOLE) {
    await log.append('abandon', { serials: [] });
    await add(log.seq);
  }
  const last = (await store.readRecord(log.seq)) as Uint8Array;
  while (grown.size < RECORDS) {
    const bytes = Uint8Array.from(last);
    new DataView(bytes.buffer).setUint32(0, grown.size);
    await store.append(grown.size, bytes);
    await add(grown.size);
  }
  tree = grown.root();
  const origin = originOf('vector', IDENTITY.id);
  checkpoint = await signCheckpoint({ origin, size: RECORDS, root: tree }, AUDIT.spki, AUDIT.signer);
});

/** Runs with one change to the records' files, and undoes it. */
async function changed<T>(change: (files: Map<string, Uint8Array>) => void, look: () => Promise<T>): Promise<T> {
  const before = new Map(store.files);
  change(store.files);
  try {
    return await look();
  } finally {
    store.files.clear();
    for (const [name, bytes] of before) store.files.set(name, bytes);
  }
}

const isTheTree = async (): Promise<boolean> => {
  try {
    checkLeaves(await logLeaves(store, RECORDS), tree);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_KEYSTORE_ROLLED_BACK' });
    return false;
  }
};

/** The first, the last, and one that is nowhere in particular. */
const places = [0, 75_025, RECORDS - 1];

const faults: Record<string, (files: Map<string, Uint8Array>, seq: number) => void> = {
  altered: (files, seq) => {
    const bytes = Uint8Array.from(files.get(path(seq)) as Uint8Array);
    bytes[seq % bytes.length] = (bytes[seq % bytes.length] as number) ^ 1;
    files.set(path(seq), bytes);
  },
  'removed, those behind it moved up': (files, seq) => {
    for (let at = seq; at + 1 < RECORDS; at++) files.set(path(at), files.get(path(at + 1)) as Uint8Array);
    files.delete(path(RECORDS - 1));
  },
  'in the place of its neighbour': (files, seq) => {
    const next = seq + 1 < RECORDS ? seq + 1 : seq - 1;
    const [one, two] = [files.get(path(seq)) as Uint8Array, files.get(path(next)) as Uint8Array];
    files.set(path(seq), two);
    files.set(path(next), one);
  },
  'cut off with all behind it': (files, seq) => {
    for (let at = seq; at < RECORDS; at++) files.delete(path(at));
  },
};

describe('the tree of 100,000 records', () => {
  test('is the one that was signed', async () => {
    expect(await isTheTree()).toBe(true);
  });

  const cases = Object.keys(faults).flatMap((name) => places.map((seq) => [seq, name] as const));
  test.each(cases)('record %i %s is found', async (seq, name) => {
    expect(await changed((files) => faults[name]?.(files, seq), isTheTree)).toBe(false);
  });

  test('holds every record that is looked for', async () => {
    const leaves = await logLeaves(store, RECORDS);
    for (const index of places) {
      const proof = { index, size: RECORDS, root: tree, path: inclusionProof(leaves, index) };
      expect(proof.path.length).toBeLessThanOrEqual(17);
      expect(provesInclusion(leaves[index] as Uint8Array, proof)).toBe(true);
      expect(provesInclusion(leaves[(index + 1) % RECORDS] as Uint8Array, proof)).toBe(false);
    }
  });
});

describe('audit verify --since', () => {
  const audit = (note: string) =>
    auditLog(store, {
      auditKey: undefined,
      expectHead: undefined,
      since: readCheckpoint(note, 'the checkpoint'),
      trust: undefined,
      anchor: undefined,
      now: new Date('2026-06-01T00:00:00Z'),
    });
  const valid = async (note: string) => (await audit(note)).document.valid;

  // The replay checks every signature: a shorter log says as much.
  const SHORT = 2000;
  const cut = (size: number) => (files: Map<string, Uint8Array>) => {
    for (let seq = size; seq < RECORDS; seq++) files.delete(path(seq));
  };

  test('the log as it was, grown, and without its last record', async () => {
    const grown = new MerkleTree();
    for (const leaf of await logLeaves(store, SHORT)) grown.add(leaf);
    const earlier = { origin: originOf('vector', IDENTITY.id), size: SHORT, root: grown.root() };
    const note = await signCheckpoint(earlier, AUDIT.spki, AUDIT.signer);
    const { document, error } = await changed(cut(SHORT), () => audit(note));
    expect([error, document.records, document.rollbackChecked]).toEqual([undefined, SHORT, true]);
    expect(document.root).toBe(Buffer.from(earlier.root).toString('base64'));
    expect(await changed(cut(SHORT + 50), () => valid(note))).toBe(true);
    const shorter = await changed(cut(SHORT - 1), () => audit(note));
    expect([shorter.document.valid, shorter.error?.code]).toEqual([false, 'ERR_KEYSTORE_ROLLED_BACK']);
  });

  test.each(['altered', 'removed, those behind it moved up', 'in the place of its neighbour'])(
    'a record early in the log %s: the replay names it',
    async (name) => {
      const { document, error } = await changed(
        (files) => faults[name]?.(files, 1234),
        () => audit(checkpoint),
      );
      expect([document.valid, error?.code, error?.message]).toEqual([
        false,
        'ERR_KEYSTORE_TAMPERED',
        expect.stringContaining('1234'),
      ]);
    },
  );

  test('a history that the audit key signed anew, shorter than the checkpoint or of its length', async () => {
    const log = new SmallLog();
    await log.append('abandon', { serials: [] });
    const origin = originOf('vector', IDENTITY.id);
    const root = new Uint8Array(32).fill(9);
    const other = await signCheckpoint({ origin, size: 2, root }, AUDIT.spki, AUDIT.signer);
    const before = store;
    store = log.store;
    try {
      expect(await valid(checkpoint)).toBe(false);
      expect(await valid(other)).toBe(false);
    } finally {
      store = before;
    }
  });
});
