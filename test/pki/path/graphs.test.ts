import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sha256 } from '../../../src/crypto/hash.ts';
import { createVerifySignature } from '../../../src/crypto/verify-signature.ts';
import { PathContext } from '../../../src/pki/path/context.ts';
import { PathCertificate, verifyPath } from '../../../src/pki/path/index.ts';
import { validatePath } from '../../../src/pki/path/validate.ts';
import type { Extension } from '../../../src/pki/x509/extension.ts';
import { basicConstraints, keyUsage, nameConstraints } from '../../../src/pki/x509/extensions.ts';
import { caExtensions, makeCertificate, makeKey, makeLeaf, NOW } from '../../support/make-pki.ts';

const NAMES = 4;
const keys = Array.from({ length: NAMES + 1 }, makeKey);
const verify = createVerifySignature();

/** What a CA certificate may have wrong, or only for some paths. */
const FLAWS: Record<string, { extensions?: Extension[]; notAfter?: Date; signer?: number }> = {
  none: {},
  expired: { notAfter: new Date('2026-02-01Z') },
  short: { extensions: caExtensions(0) },
  middle: { extensions: caExtensions(1) },
  noCa: { extensions: [basicConstraints(false), keyUsage('digitalSignature')] },
  noSign: { extensions: [basicConstraints(true), keyUsage('cRLSign')] },
  otherNames: {
    extensions: caExtensions(
      undefined,
      nameConstraints({ permitted: [{ base: { type: 'dns', value: 'x' } }], excluded: [] }),
    ),
  },
  forged: { signer: NAMES },
};
const edge = fc.record({
  subject: fc.nat(NAMES - 1),
  issuer: fc.nat(NAMES - 1),
  flaw: fc.oneof(fc.constant('none'), fc.constantFrom(...Object.keys(FLAWS))),
});

/** Every path from the end of `chain` to an anchor on which no name and key come twice, tried one by one. */
function bruteForce(chain: PathCertificate[], anchors: PathCertificate[], pool: PathCertificate[]): boolean {
  const last = chain[chain.length - 1] as PathCertificate;
  const context = (): PathContext => new PathContext(NOW, {}, verify);
  for (const anchor of anchors)
    if (anchor.subjectKey === last.issuerKey && validatePath(context(), { chain, anchor }).failures.length === 0)
      return true;
  return pool.some(
    (next) =>
      next.subjectKey === last.issuerKey &&
      !chain.some((on) => on.subjectKey === next.subjectKey && on.spki === next.spki) &&
      bruteForce([...chain, next], anchors, pool),
  );
}

test('a path is found exactly when one of all possible paths is valid', () => {
  let valid = 0;
  fc.assert(
    fc.property(
      fc.array(edge, { minLength: 1, maxLength: 9 }),
      fc.nat(NAMES - 1),
      fc.nat(NAMES - 1),
      (edges, top, end) => {
        const name = (i: number): string => `CN=CA ${i}`;
        const key = (i: number): (typeof keys)[number] => keys[i] as (typeof keys)[number];
        const issue = ({ subject, issuer, flaw }: (typeof edges)[number]): Uint8Array => {
          const { signer, ...changes } = FLAWS[flaw] as (typeof FLAWS)[string];
          return makeCertificate({
            subject: name(subject),
            key: key(subject),
            issuer: name(issuer),
            issuerKey: key(signer ?? issuer),
            extensions: caExtensions(),
            ...changes,
          });
        };
        const anchors = [issue({ subject: top, issuer: top, flaw: 'none' })];
        const untrusted = edges.map(issue);
        const leaf = makeLeaf('CN=leaf', { name: name(end), key: key(end), der: new Uint8Array() });
        const verdict = verifyPath({
          target: { der: leaf.der },
          anchors: anchors.map((der) => ({ der })),
          untrusted: untrusted.map((der) => ({ der })),
          now: NOW,
          verify,
          sha256,
        });
        const decode = (role: 'anchor' | 'untrusted') => (der: Uint8Array) => new PathCertificate(der, role, sha256);
        const expected = bruteForce(
          [new PathCertificate(leaf.der, 'subject', sha256)],
          anchors.map(decode('anchor')),
          untrusted.map(decode('untrusted')),
        );
        if (expected) valid += 1;
        expect(verdict.valid).toBe(expected);
        expect(verdict.failures.length > 0).toBe(!expected);
      },
    ),
    { numRuns: 400, seed: 20_261_125 },
  );
  expect(valid).toBeGreaterThan(100);
});
