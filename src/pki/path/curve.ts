import { toHex } from '../encoding.ts';

/** A curve y² = x³ − 3x + b over the integers modulo p (SP 800-186 §3.2.1). */
export interface Curve {
  name: string;
  /** Octets of a coordinate. */
  octets: number;
  p: bigint;
  b: bigint;
}

export const P256: Curve = {
  name: 'P-256',
  octets: 32,
  p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
};
export const P384: Curve = {
  name: 'P-384',
  octets: 48,
  p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
};
export const P521: Curve = {
  name: 'P-521',
  octets: 66,
  p: 2n ** 521n - 1n,
  b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
};

/** Whether an ECPoint (RFC 5480 §2.2) is one of the curve's, other than the point at infinity; of a compressed one only its form. */
export function isPoint(curve: Curve, point: Uint8Array): boolean {
  const { octets, p } = curve;
  if (isCompressed(point)) return point.length === 1 + octets && coordinate(point, 1, octets) < p;
  if (point[0] !== 4 || point.length !== 1 + 2 * octets) return false;
  const [x, y] = [coordinate(point, 1, octets), coordinate(point, 1 + octets, octets)];
  return x < p && y < p && (y * y - squareOfY(curve, x)) % p === 0n;
}

/**
 * Whether a point that is compressed has a y, which costs up to a millisecond: Euler's criterion, by p ≡ 3 mod 4
 * (SEC 1 §2.3.4). True for one that is not compressed.
 */
export function hasY(curve: Curve, point: Uint8Array): boolean {
  if (!isCompressed(point)) return true;
  const square = squareOfY(curve, coordinate(point, 1, curve.octets));
  const y = power(square, (curve.p + 1n) / 4n, curve.p);
  return (y * y - square) % curve.p === 0n;
}

function isCompressed(point: Uint8Array): boolean {
  return point[0] === 2 || point[0] === 3;
}

function coordinate(point: Uint8Array, at: number, octets: number): bigint {
  return BigInt(`0x${toHex(point.subarray(at, at + octets))}`);
}

function squareOfY({ p, b }: Curve, x: bigint): bigint {
  return (((x * x - 3n) * x + b) % p) + p;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}
