import {
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

type Hash = 'sha256' | 'sha384';

/** What X25519's SubjectPublicKeyInfo has before its 32 octets (RFC 8410 §4). */
const X25519_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** One half of a key exchange. @throws when the other half is no point of the curve */
export interface Exchange {
  publicKey: Uint8Array;
  agree(other: Uint8Array): Uint8Array;
}

/** A new key for X25519, or for a NIST curve by OpenSSL's name. */
export function newExchange(curve: 'x25519' | 'prime256v1' | 'secp384r1' | 'secp521r1'): Exchange {
  if (curve === 'x25519') {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    return {
      publicKey: spki.subarray(X25519_PREFIX.length),
      agree: (other) => diffieHellman({ privateKey, publicKey: x25519Key(other) }),
    };
  }
  const ecdh = createECDH(curve);
  return { publicKey: ecdh.generateKeys(), agree: (other) => ecdh.computeSecret(other) };
}

function x25519Key(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([X25519_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** Key and IV of one direction's records. */
export interface TrafficKey {
  key: Uint8Array;
  iv: Uint8Array;
}

/**
 * The key under which a TLS 1.3 server encrypts its part of the handshake (RFC 8446 §7.1, without a PSK).
 * @param transcript ClientHello and ServerHello
 */
export function serverHandshakeKey(shared: Uint8Array, transcript: Uint8Array, hash: Hash, length: number): TrafficKey {
  const size = hash === 'sha256' ? 32 : 48;
  const zeros = Buffer.alloc(size);
  const digest = (data: Uint8Array): Buffer => createHash(hash).update(data).digest();
  const early = createHmac(hash, zeros).update(zeros).digest();
  const derived = expandLabel(hash, early, 'derived', digest(new Uint8Array(0)), size);
  const handshake = createHmac(hash, derived).update(shared).digest();
  const traffic = expandLabel(hash, handshake, 's hs traffic', digest(transcript), size);
  return {
    key: expandLabel(hash, traffic, 'key', new Uint8Array(0), length),
    iv: expandLabel(hash, traffic, 'iv', new Uint8Array(0), 12),
  };
}

/** HKDF-Expand-Label; what is asked for never takes more than one block. */
function expandLabel(hash: Hash, secret: Uint8Array, label: string, context: Uint8Array, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([
    Buffer.from([length >> 8, length & 0xff, name.length]),
    name,
    Buffer.from([context.length]),
    context,
    Buffer.from([1]),
  ]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** Decrypts one record of TLS 1.3 (RFC 8446 §5.2); undefined when it does not authenticate. */
export function openRecord(
  cipher: string,
  { key, iv }: TrafficKey,
  sequence: number,
  header: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
  try {
    const decipher = createDecipheriv(cipher as 'aes-128-gcm', key, nonce, { authTagLength: 16 });
    decipher.setAAD(header, { plaintextLength: sealed.length - 16 });
    decipher.setAuthTag(sealed.subarray(sealed.length - 16));
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
  } catch {
    return undefined;
  }
}
