import { sha256 } from '../crypto/hash.ts';
import { equalBytes } from '../pki/der/writer.ts';

// The Merkle tree of RFC 6962 §2.1, with SHA-256. What tells a leaf from a node is the first octet that is hashed.

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The hash of an entry as a leaf (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry);
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

/** A tree that grows at its end. It keeps one hash for each whole subtree: at most as many as the size has bits. */
export class MerkleTree {
  #size = 0;
  /** Roots of whole subtrees, the largest first; their sizes are the bits of the tree's size. */
  readonly #subtrees: Uint8Array[] = [];

  get size(): number {
    return this.#size;
  }

  /** Adds a leaf by its hash. */
  add(leaf: Uint8Array): void {
    let hash = leaf;
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2))
      hash = nodeHash(this.#subtrees.pop() as Uint8Array, hash);
    this.#subtrees.push(hash);
    this.#size++;
  }

  /** The Merkle tree hash of what was added so far; of nothing, the hash of nothing. */
  root(): Uint8Array {
    return (
      this.#subtrees.reduceRight<Uint8Array | undefined>(
        (right, left) => (right === undefined ? left : nodeHash(left, right)),
        undefined,
      ) ?? sha256(new Uint8Array(0))
    );
  }
}

/**
 * The audit path of a leaf (RFC 6962 §2.1.1): the sibling hashes from the leaf up.
 * @param leaves the hashes of all leaves of the tree
 * @param index of the leaf, from 0
 */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length <= 1) return [];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const left = leaves.slice(0, split);
  const right = leaves.slice(split);
  return index < split
    ? [...inclusionProof(left, index), treeHash(right)]
    : [...inclusionProof(right, index - split), treeHash(left)];
}

function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root();
}

/** True when an audit path leads from a leaf to the root of a tree of this size (RFC 9162 §2.1.3.2). */
export function provesInclusion(
  leaf: Uint8Array,
  { index, size, root, path }: { index: number; size: number; root: Uint8Array; path: readonly Uint8Array[] },
): boolean {
  if (index < 0 || index >= size) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else hash = nodeHash(hash, sibling);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}
