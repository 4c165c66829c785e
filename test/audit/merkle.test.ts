import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { inclusionProof, leafHash, MerkleTree, provesInclusion } from '../../src/audit/merkle.ts';

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** RFC 6962 §2.1 as it is written there: MTH(D[n]). */
function treeHash(entries: Uint8Array[]): Buffer {
  const [first] = entries;
  if (first === undefined) return sha256();
  if (entries.length === 1) return sha256(Uint8Array.of(0), first);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha256(Uint8Array.of(1), treeHash(entries.slice(0, k)), treeHash(entries.slice(k)));
}

const entries = Array.from({ length: 70 }, (_, i) => Buffer.from(`entry ${i}`));
const leaves = entries.map((entry) => leafHash(entry));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('the tree over the entries that Certificate Transparency tests with', () => {
  const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const tree = new MerkleTree();
  const roots = inputs.map((input) => {
    tree.add(leafHash(Buffer.from(input, 'hex')));
    return hex(tree.root());
  });
  expect(roots[0]).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
  expect(roots[7]).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
});

test('of every size to 70, it is the one that the RFC defines', () => {
  const tree = new MerkleTree();
  expect(hex(tree.root())).toBe(hex(treeHash([])));
  for (const [i, leaf] of leaves.entries()) {
    tree.add(leaf);
    expect([tree.size, hex(tree.root())]).toEqual([i + 1, hex(treeHash(entries.slice(0, i + 1)))]);
  }
});

describe('inclusion', () => {
  const every = leaves.flatMap((_, n) => Array.from({ length: n + 1 }, (_, index) => ({ size: n + 1, index })));
  const proofOf = ({ size, index }: { size: number; index: number }) => ({
    size,
    index,
    root: treeHash(entries.slice(0, size)),
    path: inclusionProof(leaves.slice(0, size), index),
  });

  test('of every leaf of every tree', () => {
    for (const place of every) {
      const proof = proofOf(place);
      expect(provesInclusion(leaves[place.index] as Uint8Array, proof)).toBe(true);
    }
  });

  test('of no other leaf, place, size or root, nor by a path that is longer, shorter or changed', () => {
    for (const place of every.filter(({ size }) => size > 1 && size < 20)) {
      const proof = proofOf(place);
      const leaf = leaves[place.index] as Uint8Array;
      const refuse = (change: Partial<typeof proof>, of = leaf): void =>
        expect([place, change, provesInclusion(of, { ...proof, ...change })]).toEqual([place, change, false]);
      refuse({}, leaves[(place.index + 1) % place.size]);
      refuse({ index: (place.index + 1) % place.size });
      refuse({ index: place.size });
      refuse({ root: sha256(proof.root) });
      refuse({ path: proof.path.slice(1) });
      refuse({ path: [...proof.path, proof.root] });
      for (const i of proof.path.keys()) refuse({ path: proof.path.with(i, sha256(proof.path[i] as Uint8Array)) });
    }
  });
});
