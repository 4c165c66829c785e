import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import type { Secret } from '../../src/keystore/envelope/slot.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { writeSnapshot } from '../../src/keystore/snapshot/snapshot.ts';
import { unlock } from '../../src/keystore/unlock.ts';
import { done } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';
import { type Examined, examine, type Files, filesOf, isDerived, type Known, know } from './support/damage.ts';

// Every bit of a small keystore flipped; every file cut short, removed, swapped, doubled; an older copy put back; the
// newest records removed. Each is detected, or derived and the answers are the same. `npm run fault:bits` flips every bit (one in
// FAULT_STRIDE, where that is given).
const LONG = process.env.FAULT_CAMPAIGN === 'long';
/** CI flips one bit in so many. */
const STRIDE = LONG ? Number(process.env.FAULT_STRIDE ?? 1) : 797;
const cluster = await newCluster({ name: 'small' });

let secret: Secret;
let whole: Files;
let older: Files;
let answers: string | undefined;
let anchor: { seq: number; head: string };

beforeAll(async () => {
  const { ca, keystore: location, keyFile } = cluster;
  secret = { kind: 'key-file', bytes: new Uint8Array(readFileSync(keyFile)) };
  await done(ca, ['issue', 'n1', '--plane', 'data']);
  older = filesOf(location);
  await done(ca, ['revoke', 'n1', '--yes']);
  const store = new DirectoryStore(location, { groupRead: false });
  const keystore = await Keystore.open(store, { anchors: undefined });
  const { state } = keystore;
  const daily = await unlock(keystore, 'daily', [secret]);
  const pages = await keystore.query((index) => index.merged());
  await writeSnapshot(store, { state, pages }, await daily.signer(state.audit.sealed, 'ed25519'));
  whole = filesOf(location);
  anchor = { seq: state.seq, head: state.head };
  const found = await examine(whole, secret, anchor);
  expect([found.findings, found.exit]).toEqual([[], 0]);
  answers = found.answers;
  expect(answers).toBeDefined();
});

/** Damage is found, and the finding names the file and what to do; of what is derived, the answers are the same. */
function expectDetected(path: string, { findings, exit, answers: told }: Examined, what: string): void {
  if (isDerived(path)) expect([what, told]).toEqual([what, answers]);
  else {
    expect([what, [12, 13].includes(exit)]).toEqual([what, true]);
    expect([what, told === undefined || told === answers]).toEqual([what, true]);
  }
  if (isDerived(path) && findings.length === 0) return;
  const named = findings.filter(
    ({ file }) => file.includes(path) || (path.startsWith('snapshot/') && file === 'snapshot/head'),
  );
  expect([what, findings.map(({ file }) => file), named.length > 0]).toEqual([
    what,
    findings.map(({ file }) => file),
    true,
  ]);
  for (const { hint } of named) expect([what, hint]).toEqual([what, expect.stringMatching(/\S/)]);
}

async function withFile(path: string, bytes: Uint8Array | undefined, known?: Known): Promise<Examined> {
  const files = new Map(whole);
  if (bytes === undefined) files.delete(path);
  else files.set(path, bytes);
  return examine(files, secret, anchor, known && { known, but: path });
}

test(
  'a flipped bit',
  async () => {
    const known = await know(whole, secret);
    expect(known.answers).toBe(answers);
    let [flipped, offset] = [0, 0];
    for (const [path, bytes] of whole) {
      for (let bit = offset % STRIDE; bit < bytes.length * 8; bit += STRIDE) {
        const changed = Uint8Array.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        expectDetected(path, await withFile(path, changed, known), `bit ${bit} of ${path}`);
        flipped++;
      }
      offset += 97;
    }
    if (LONG) process.stderr.write(`${flipped} bits of ${whole.size} files flipped\n`);
    expect(flipped).toBeGreaterThan(100);
  },
  LONG ? 14_400_000 : 60_000,
);

test('a file that is cut short, grows, or is gone', async () => {
  for (const [path, bytes] of whole) {
    for (const length of [0, bytes.length >> 1, bytes.length - 1])
      expectDetected(path, await withFile(path, bytes.subarray(0, length)), `${path} cut to ${length}`);
    expectDetected(path, await withFile(path, new Uint8Array([...bytes, 10])), `${path} with an octet more`);
    // A derived file that is not there is made anew, and no finding.
    expectDetected(path, await withFile(path, undefined), `${path} removed`);
  }
});

test('two files of one kind, swapped, or one in the place of the other', async () => {
  const family = (path: string): string | undefined => path.split('/')[0];
  for (const [path, bytes] of whole)
    for (const [other, content] of whole) {
      if (path === other || family(path) !== family(other)) continue;
      const swapped = new Map(whole).set(path, content).set(other, bytes);
      if (path < other) expectDetected(path, await examine(swapped, secret, anchor), `${path} and ${other} swapped`);
      expectDetected(path, await withFile(path, content), `${other} in the place of ${path}`);
    }
});

describe('an older state', () => {
  test('a copy of the whole is known by the anchor', async () => {
    const found = await examine(older, secret, anchor);
    expect(found.exit).toBe(13);
    expect(found.findings[0]?.hint).toMatch(/rollback|newer/);
  });

  test('the newest records removed: known by the anchor, by the snapshot, by public/head', async () => {
    const last = `log/0/${anchor.seq}`;
    const without = (...paths: string[]) =>
      new Map([...whole].filter(([path]) => !paths.some((one) => path.startsWith(one))));
    expect((await examine(without(last), secret, anchor)).exit).toBe(13);
    expect((await examine(without(last, 'snapshot/', 'public/'), secret, anchor)).exit).toBe(13);
    expect((await examine(without(last, 'public/'), secret)).exit).toBe(13);
    const found = await examine(without(last, 'snapshot/'), secret);
    expect(found.findings.map(({ file }) => file)).toContain('public/head');
  });

  test('one older file among newer ones', async () => {
    for (const [path, bytes] of older) {
      const now = whole.get(path);
      if (now === undefined || Buffer.compare(now, bytes) === 0) continue;
      const { exit, answers: told } = await withFile(path, bytes);
      // After a crash public/ may be older; that is no damage, and nobody reads it for the truth.
      expect([path, exit, told]).toEqual([path, 0, answers]);
    }
  });
});

test('a record doubled under the next number', async () => {
  const last = whole.get(`log/0/${anchor.seq}`) as Uint8Array;
  const files = new Map(whole).set(`log/0/${anchor.seq + 1}`, last);
  const { exit, findings } = await examine(files, secret, anchor);
  expect(exit).toBe(13);
  expect(findings.map(({ file }) => file)).toContain(`log/0/${anchor.seq + 1}`);
});

test('files that the log does not name are no damage', async () => {
  const files = new Map(whole);
  for (const family of ['slots', 'sealed', 'objects'])
    for (const [path, bytes] of whole) if (path.startsWith(family)) files.set(`${path.slice(0, -1)}x`, bytes);
  const { exit, answers: told } = await examine(files, secret, anchor);
  expect([exit, told]).toEqual([0, answers]);
});
