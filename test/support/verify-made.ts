import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { type PathOptions, type PathVerdict, verifyPath } from '../../src/pki/path/index.ts';
import { type Entity, NOW } from './make-pki.ts';

const verify = createVerifySignature();

export interface Situation {
  anchors: readonly Entity[];
  untrusted?: readonly Entity[];
  crls?: readonly Uint8Array[];
  now?: Date;
}

/** The verdict on a certificate made by make-pki.ts. */
export function verdictOn(target: Entity, situation: Situation, options: PathOptions = {}): PathVerdict {
  const { anchors, untrusted = [], crls, now = NOW } = situation;
  return verifyPath({
    target: { der: target.der },
    anchors: anchors.map(({ der }) => ({ der })),
    untrusted: untrusted.map(({ der }) => ({ der })),
    crls: crls?.map((der) => ({ der })),
    now,
    options,
    verify,
    sha256,
  });
}

/** The codes of its failures, most informative first; empty when valid. */
export function codesOf({ valid, failures }: PathVerdict): string[] {
  if (valid !== (failures.length === 0)) throw new Error('a verdict is valid exactly when it has no failures');
  return failures.map(({ code }) => code);
}
