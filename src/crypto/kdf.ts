import { hkdfSync, scrypt as nodeScrypt } from 'node:crypto';

/** HKDF with SHA-256 (RFC 5869). `length` in octets. */
export function hkdfSha256(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, length));
}

export interface ScryptParameters {
  n: number;
  r: number;
  p: number;
}

/** scrypt (RFC 7914) of 32 octets. Takes 128·N·r octets of memory: check the parameters before. */
export function scrypt(passphrase: Uint8Array, salt: Uint8Array, parameters: ScryptParameters): Promise<Uint8Array> {
  const { n, r, p } = parameters;
  return new Promise((resolve, reject) => {
    nodeScrypt(passphrase, salt, 32, { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + 1024 * 1024 }, (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}
