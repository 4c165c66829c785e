import { createECDH, createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { sequence, unsignedInteger } from '../../../src/pki/der/writer.ts';
import type { GeneratedKey } from '../../../src/pki/key.ts';
import type { Signer } from '../../../src/pki/signer.ts';

// Keys from fixed texts, and signatures that are the same each time: what test vectors need. Never a real key.

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface FixedKey extends GeneratedKey {
  signer: Signer;
}

export function fixedBytes(label: string, length: number): Uint8Array {
  let out = Buffer.alloc(0);
  for (let i = 0; out.length < length; i++)
    out = Buffer.concat([out, createHash('sha256').update(`cluster-ca test vector: ${label} ${i}`).digest()]);
  return new Uint8Array(out.subarray(0, length));
}

export function fixedEd25519(label: string): FixedKey & { signNow: (data: Uint8Array) => Buffer } {
  const key = createPrivateKey({
    key: Buffer.concat([ED25519_PKCS8, fixedBytes(label, 32)]),
    format: 'der',
    type: 'pkcs8',
  });
  const encoded = { pkcs8: key.export({ format: 'der', type: 'pkcs8' }), spki: spkiOf(key) };
  return {
    keyType: 'ed25519',
    pkcs8: new Uint8Array(encoded.pkcs8),
    spki: encoded.spki,
    signer: { keyType: 'ed25519', sign: async (data) => new Uint8Array(sign(null, data, key)) },
    signNow: (data) => sign(null, data, key),
  };
}

/** ECDSA with SHA-256 on P-256, nonces by RFC 6979. */
export function fixedP256(label: string): FixedKey {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(fixedBytes(label, 32));
  const point = ecdh.getPublicKey();
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    d: Buffer.from(fixedBytes(label, 32)).toString('base64url'),
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  return {
    keyType: 'ecdsa-p256',
    pkcs8: new Uint8Array(key.export({ format: 'der', type: 'pkcs8' })),
    spki: spkiOf(key),
    signer: { keyType: 'ecdsa-p256', sign: async (data) => signP256(fixedBytes(label, 32), data) },
  };
}

function spkiOf(key: ReturnType<typeof createPrivateKey>): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }));
}

function signP256(scalar: Uint8Array, data: Uint8Array): Uint8Array {
  const digest = createHash('sha256').update(data).digest();
  const [d, z] = [toNumber(scalar), toNumber(digest)];
  const nonce = nonceOf(scalar, toBytes(z % P256_ORDER));
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(toBytes(nonce));
  const r = toNumber(ecdh.getPublicKey().subarray(1, 33)) % P256_ORDER;
  const s = (power(nonce, P256_ORDER - 2n) * (z + r * d)) % P256_ORDER;
  return sequence(unsignedInteger(r), unsignedInteger(s));
}

/** RFC 6979 §3.2, whose loop ends in its first round but for one digest in 2^32. */
function nonceOf(scalar: Uint8Array, digest: Uint8Array): bigint {
  const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Uint8Array => {
    const mac = createHmac('sha256', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  let v: Uint8Array = new Uint8Array(32).fill(1);
  let k: Uint8Array = new Uint8Array(32);
  for (const round of [0, 1]) {
    k = hmac(k, v, Uint8Array.of(round), scalar, digest);
    v = hmac(k, v);
  }
  return toNumber(hmac(k, v)) % P256_ORDER;
}

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base % P256_ORDER];
  for (let left = exponent; left > 0n; left >>= 1n, square = (square * square) % P256_ORDER)
    if (left & 1n) result = (result * square) % P256_ORDER;
  return result;
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function toBytes(n: bigint): Uint8Array {
  return Buffer.from(n.toString(16).padStart(64, '0'), 'hex');
}
