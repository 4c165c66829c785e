import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { publicKeyOf } from '../../src/crypto/private-key-info.ts';
import { createVerifySignature } from '../../src/crypto/verify-signature.ts';
import { loadCrypto, randomFrom } from '../../src/crypto/webcrypto.ts';
import { type DerReader, readDer } from '../../src/pki/der/reader.ts';
import { fromHex } from '../../src/pki/encoding.ts';
import { ecdsaSignatureValue, generateKey, importSigner } from '../../src/pki/key.ts';
import { KEY_TYPES, readAlgorithm, signatureAlgorithmFor } from '../../src/pki/x509/algorithm.ts';
import { keyTypeOf, parsePublicKeyInfo } from '../../src/pki/x509/public-key.ts';

const crypto = await loadCrypto();
const DATA = new TextEncoder().encode('to be signed');

describe.each(KEY_TYPES)('a key of type %s', (keyType) => {
  const made = generateKey(crypto, keyType);

  test('is what it says, and its halves belong together', async () => {
    const { spki, pkcs8 } = await made;
    expect(keyTypeOf(parsePublicKeyInfo(spki))).toBe(keyType);
    expect(publicKeyOf('pkcs8', pkcs8)).toEqual(Buffer.from(spki));
    expect((await made).keyType).toBe(keyType);
  });

  test('signs so that Node and we verify it, under the algorithm that it names', async () => {
    const { spki, pkcs8 } = await made;
    const signer = await importSigner(crypto, keyType, pkcs8);
    const signature = await signer.sign(DATA);
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const hash = keyType === 'ed25519' ? null : keyType === 'ecdsa-p384' ? 'sha384' : 'sha256';
    expect(verify(hash, DATA, key, signature)).toBe(true);
    const algorithm = readDer(signatureAlgorithmFor(keyType), (reader) => readAlgorithm(reader));
    const check = createVerifySignature();
    expect(check(parsePublicKeyInfo(spki), algorithm, DATA, signature)).toBe(true);
    expect(check(parsePublicKeyInfo(spki), algorithm, DATA.subarray(1), signature)).toBe(false);
  });

  test('is not taken for a key of another type', async () => {
    const { pkcs8 } = await made;
    for (const other of KEY_TYPES.filter((type) => type.slice(0, 4) !== keyType.slice(0, 4) || !type.startsWith('rsa')))
      if (other !== keyType) await expect(importSigner(crypto, other, pkcs8)).rejects.toThrow();
  });
});

test('a signer gives no way to its key', async () => {
  const { pkcs8 } = await generateKey(crypto, 'ecdsa-p256');
  const signer = await importSigner(crypto, 'ecdsa-p256', pkcs8);
  expect(Object.keys(signer).sort()).toEqual(['keyType', 'sign']);
  expect(JSON.stringify(signer)).toBe('{"keyType":"ecdsa-p256"}');
});

test.each([
  [`${'00'.repeat(31)}01`, '80'.padEnd(64, '0'), `3026020101022100${'80'.padEnd(64, '0')}`],
  ['7f'.padEnd(64, 'f'), '00ff'.padEnd(64, '0'), undefined],
])('r and s become integers: no leading zeros, but a sign octet', (r, s, expected) => {
  const der = ecdsaSignatureValue(fromHex(r + s), 32);
  if (expected !== undefined) expect(Buffer.from(der).toString('hex')).toBe(expected);
  const [first, second] = readDer(der, (reader: DerReader) => {
    const inner = reader.enter();
    return [inner.integer(), inner.integer()];
  });
  const number = (bytes: Uint8Array | undefined) => BigInt(`0x${Buffer.from(bytes ?? []).toString('hex')}`);
  expect([number(first), number(second)]).toEqual([BigInt(`0x${r}`), BigInt(`0x${s}`)]);
});

test('random octets are of the length asked for, and differ', () => {
  const random = randomFrom(crypto);
  expect(random(20)).toHaveLength(20);
  expect(random(20)).not.toEqual(random(20));
});
