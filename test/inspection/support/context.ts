import { createHash, createPublicKey, verify } from 'node:crypto';
import { publicKeyOf } from '../../../src/crypto/private-key-info.ts';
import type { InspectionContext } from '../../../src/inspection/context.ts';
import { signatureName } from '../../../src/inspection/oid-names.ts';
import type { VerifySignature } from '../../../src/pki/signature.ts';

const verifySignature: VerifySignature = (publicKey, algorithm, data, signature) => {
  const name = signatureName(algorithm.oid);
  const hash = /^ed/.test(name)
    ? null
    : /sha1/i.test(name)
      ? 'sha1'
      : (/sha(256|384|512)/i.exec(name)?.[0] ?? 'sha256');
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey.der), format: 'der', type: 'spki' });
    return verify(hash, data, key, signature);
  } catch {
    return false;
  }
};

/** The real cryptography, and a fixed time. */
export function contextAt(now: Date, source = 'file.pem'): InspectionContext {
  return { now, sha256: (data) => createHash('sha256').update(data).digest(), verifySignature, publicKeyOf, source };
}
