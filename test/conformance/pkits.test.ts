import { describe, expect, test } from '@jest/globals';
import { sha256 } from '../../src/crypto/hash.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { PathCertificate, PathCrl, type PathOptions, verifyPath } from '../../src/pki/path/index.ts';
import { CAS, expectedOf, NOW, ROOT, suite, TARGETS, WITH_POLICIES } from './pkits.ts';

const verify = createVerifySignature();
const now = new Date(NOW);
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const certificate = (name: string): Uint8Array => bytes(suite.certificates[name] as string);
const root = new PathCertificate(certificate(ROOT), 'anchor', sha256);
const pool = CAS.flatMap((name) => readable(() => new PathCertificate(certificate(name), 'untrusted', sha256)));
const crls = Object.values(suite.crls).flatMap((base64) => readable(() => new PathCrl(bytes(base64), sha256)));

function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}

function isValid(name: string, options: PathOptions = {}): boolean {
  const target = { der: certificate(name) };
  return verifyPath({ target, anchors: [root], untrusted: pool, crls, now, options, verify, sha256 }).valid;
}

describe('PKITS', () => {
  test('holds what is claimed', () => {
    expect(TARGETS.length).toBe(223);
    expect(pool.length).toBeGreaterThan(150);
    expect(crls.length).toBeGreaterThan(150);
  });

  test('every certificate that says in its name whether it is valid is judged so', () => {
    const told = TARGETS.filter((name) => expectedOf(name) !== undefined);
    expect(told.length).toBeGreaterThan(190);
    expect(told.filter((name) => isValid(name) !== expectedOf(name))).toEqual([]);
  });

  test.each(WITH_POLICIES)('%s with %j', (name, options, expected) => {
    expect(isValid(name, options)).toBe(expected);
  });
});
