import { sha256 } from '../crypto/hash.ts';
import { chainHolds, sameKey } from '../crypto/independent-chain.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import { verifyPath } from '../pki/path/index.ts';

const verify = createVerifySignature();

/** What a start has made, DER. */
export interface NewHierarchy {
  root: Uint8Array;
  issuing: Uint8Array;
  /** The new root's key, certified by the old root; and that root. */
  newWithOld: Uint8Array;
  old: Uint8Array;
}

/**
 * Guard G1: what was made is looked at by two implementations that did not make it, our path validator and OpenSSL's:
 * the new issuing CA has a path to the new root, and, by NewWithOld, to the old one.
 * @throws ERR_LINT when either says no
 */
export function lookAgain({ root, issuing, newWithOld, old }: NewHierarchy, now: Date): void {
  if (!sameKey(root, newWithOld)) throw wrong('NewWithOld is over another key than the new root');
  for (const [chain, what] of [
    [[issuing, root], 'the new root'],
    [[issuing, newWithOld, old], 'the old root, by NewWithOld'],
  ] as const) {
    if (!chainHolds(chain)) throw wrong(`OpenSSL finds no path from the new issuing CA to ${what}`);
    const [target = issuing, ...above] = chain;
    const { valid, failures } = verifyPath({
      target: { der: target },
      anchors: above.slice(-1).map((der) => ({ der })),
      untrusted: above.slice(0, -1).map((der) => ({ der })),
      now,
      verify,
      sha256: (data) => sha256(data),
    });
    if (!valid) throw wrong(`the new issuing CA has no path to ${what}: ${failures[0]?.message}`);
  }
}

function wrong(message: string): ClusterCaError {
  return new ClusterCaError('ERR_LINT', message);
}
