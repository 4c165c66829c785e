import { describe, expect, test } from '@jest/globals';
import { sha256Hex } from '../../src/crypto/hash.ts';
import { ClusterCaError } from '../../src/errors.ts';
import { encodeCanonicalFile } from '../../src/keystore/canonical.ts';
import { type SealContext, seal, unseal } from '../../src/keystore/envelope/seal.ts';
import { decodeSealedKey, openSealedKey, sealedName, storeKey } from '../../src/keystore/envelope/sealed-key.ts';
import { decodeSlot, makeSlot, openSlot, type Secret } from '../../src/keystore/envelope/slot.ts';
import type { SlotRef } from '../../src/keystore/log/bodies.ts';
import { fixedBytes, fixedEd25519 } from './support/deterministic-keys.ts';
import { IDENTITY } from './support/small-log.ts';

const TAMPERED = { code: 'ERR_KEYSTORE_TAMPERED', exitCode: 13 };
const ID = IDENTITY.id;
const MASTER = fixedBytes('master', 32);
const NOW = new Date('2026-01-02T03:04:05.678Z');
const FILE: Secret = { kind: 'key-file', bytes: fixedBytes('key file', 32) };
const OTHER: Secret = { kind: 'key-file', bytes: fixedBytes('other key file', 32) };

function* everyBit(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    yield flipped;
  }
}

/** What opening gives: the secret in hex, `other key` for undefined, the error's code. */
async function outcome(open: () => Promise<Uint8Array | undefined> | Uint8Array | undefined): Promise<string> {
  try {
    const found = await open();
    return found === undefined ? 'other key' : Buffer.from(found).toString('hex');
  } catch (error) {
    if (!(error instanceof ClusterCaError)) throw error;
    return error.code;
  }
}

describe('a slot', () => {
  const made = makeSlot(ID, 'key-file', 'daily', FILE, MASTER, 1, NOW);
  const open = async (bytes: Uint8Array, secret = FILE, changes: Partial<SlotRef> = {}) =>
    (await openSlot(ID, { ...(await made).ref, ...changes }, bytes, secret))?.masterKey;

  test('opens with its secret, and with no other', async () => {
    const { bytes } = await made;
    expect(await open(bytes)).toEqual(MASTER);
    expect(await open(bytes, OTHER)).toBeUndefined();
    expect(await open(bytes, { kind: 'passphrase', bytes: FILE.bytes })).toBeUndefined();
  });

  test('every single bit flipped, the log saying another hash: 13', async () => {
    for (const flipped of everyBit((await made).bytes)) expect(await outcome(() => open(flipped))).toBe(TAMPERED.code);
  });

  test('every single bit flipped, with a hash to match: never another key, never an untyped error', async () => {
    const seen: Record<string, number> = {};
    for (const flipped of everyBit((await made).bytes)) {
      const result = await outcome(() => open(flipped, FILE, { sha256: sha256Hex(flipped) }));
      seen[result] = (seen[result] ?? 0) + 1;
    }
    // The file's name, kind and time of making are the log's to vouch for: they are not part of the sealing.
    const same = Buffer.from(MASTER).toString('hex');
    expect(Object.keys(seen).sort()).toEqual([same, TAMPERED.code, 'other key'].sort());
  });

  test('commitment wrong: another secret (12); commitment right, ciphertext changed: 13', async () => {
    const file = JSON.parse(Buffer.from((await made).bytes).toString());
    const change = (member: string) => {
      const bytes = Buffer.from(file.sealed[member], 'base64');
      bytes[5] = (bytes[5] as number) ^ 1;
      return encodeCanonicalFile({ ...file, sealed: { ...file.sealed, [member]: bytes.toString('base64') } });
    };
    const result = async (bytes: Uint8Array) => outcome(() => open(bytes, FILE, { sha256: sha256Hex(bytes) }));
    expect(await result(change('commitment'))).toBe('other key');
    expect(await result(change('salt'))).toBe('other key');
    expect(await result(change('ciphertext'))).toBe(TAMPERED.code);
  });

  test('a slot of another keystore, id or domain', async () => {
    const { ref, bytes } = await made;
    expect(() => decodeSlot('00'.repeat(16), ref, bytes)).toThrow('belongs elsewhere');
    expect(() => decodeSlot(ID, { ...ref, id: '00'.repeat(8) }, bytes)).toThrow('belongs elsewhere');
    expect(() => decodeSlot(ID, { ...ref, domain: 'root' }, bytes)).toThrow('belongs elsewhere');
    expect(() => decodeSlot(ID, ref, undefined)).toThrow('missing');
  });

  test.each([
    ['n below the floor', { n: 2 ** 16 }],
    ['n above the cap', { n: 2 ** 21 }],
    ['n no power of two', { n: 2 ** 17 + 1 }],
    ['16 GiB, n of 2^24', { n: 2 ** 24 }],
    ['n of 2^52', { n: 2 ** 52 }],
    ['n of 0', { n: 0 }],
    ['r of 16', { r: 16 }],
    ['p of 0', { p: 0 }],
    ['p of 5', { p: 5 }],
    ['no n', { n: undefined }],
    ['HKDF of a passphrase', { name: 'hkdf-sha256' }],
    ['a short salt', { salt: 'AAAA' }],
  ])('is refused before anything is derived: %s', async (_, change) => {
    const { ref, bytes } = await made;
    const file = JSON.parse(Buffer.from(bytes).toString());
    const kdf = { name: 'scrypt', n: 2 ** 17, r: 8, p: 1, salt: file.kdf.salt, ...change };
    const changed = encodeCanonicalFile({ ...file, kind: 'passphrase', kdf });
    const secret: Secret = { kind: 'passphrase', bytes: FILE.bytes };
    const named = { ...ref, kind: 'passphrase' as const, sha256: sha256Hex(changed) };
    // Reading it derives nothing, and refuses already.
    expect(() => decodeSlot(ID, named, changed)).toThrow(expect.objectContaining(TAMPERED));
    await expect(openSlot(ID, named, changed, secret)).rejects.toMatchObject(TAMPERED);
  });

  test('a key file’s slot has no scrypt parameters', async () => {
    const { ref, bytes } = await made;
    const file = JSON.parse(Buffer.from(bytes).toString());
    const changed = encodeCanonicalFile({ ...file, kdf: { ...file.kdf, n: 1 } });
    expect(() => decodeSlot(ID, { ...ref, sha256: sha256Hex(changed) }, changed)).toThrow(
      expect.objectContaining(TAMPERED),
    );
  });

  test('of the same secret twice has nothing in common', async () => {
    const first = JSON.parse(Buffer.from((await made).bytes).toString());
    const second = JSON.parse(
      Buffer.from((await makeSlot(ID, 'key-file', 'daily', FILE, MASTER, 1, NOW)).bytes).toString(),
    );
    for (const member of ['salt', 'commitment', 'ciphertext'])
      expect(second.sealed[member]).not.toBe(first.sealed[member]);
    expect(second.id).not.toBe(first.id);
    expect(second.kdf.salt).not.toBe(first.kdf.salt);
  });
});

describe('a sealed key', () => {
  const key = fixedEd25519('sealed');
  const { ref, bytes } = storeKey(ID, { domain: 'daily', epoch: 1 }, MASTER, key);

  test('opens under its master key', () => {
    expect(openSealedKey(ID, ref, bytes, MASTER)).toEqual(key.pkcs8);
    expect(sealedName(ref)).toBe(`${ref.keyId}.1`);
    expect(Buffer.from(bytes).includes(Buffer.from(key.pkcs8))).toBe(false);
  });

  test('under another master key, of another domain, epoch, id or keystore: 13', async () => {
    const changes = [
      { domain: 'root' as const },
      { epoch: 2 },
      { keyId: '00'.repeat(16) },
      { sha256: '00'.repeat(32) },
    ];
    for (const change of changes)
      expect(await outcome(() => openSealedKey(ID, { ...ref, ...change }, bytes, MASTER))).toBe(TAMPERED.code);
    expect(await outcome(() => openSealedKey('00'.repeat(16), ref, bytes, MASTER))).toBe(TAMPERED.code);
    expect(await outcome(() => openSealedKey(ID, ref, bytes, fixedBytes('no', 32)))).toBe(TAMPERED.code);
    expect(await outcome(() => openSealedKey(ID, ref, undefined, MASTER))).toBe(TAMPERED.code);
  });

  test('every single bit flipped is 13, whether or not the hash matches', async () => {
    for (const flipped of everyBit(bytes)) {
      expect(await outcome(() => openSealedKey(ID, ref, flipped, MASTER))).toBe(TAMPERED.code);
      const matching = { ...ref, sha256: sha256Hex(flipped) };
      expect(await outcome(() => openSealedKey(ID, matching, flipped, MASTER))).toBe(TAMPERED.code);
    }
  });

  test('is read without a secret', () => {
    expect(decodeSealedKey(ID, ref, bytes)).toMatchObject({ algorithm: 'ed25519', spkiSha256: sha256Hex(key.spki) });
  });
});

test('a sealing is bound to every part of its context', () => {
  const context: SealContext = {
    keystoreId: ID,
    type: 'slot-daily',
    keyId: 'aa',
    epoch: 1,
    algorithm: 'master-key',
    spkiSha256: '',
  };
  const sealed = seal(MASTER, context, FILE.bytes);
  expect(unseal(MASTER, context, sealed, 'it')).toEqual(FILE.bytes);
  for (const change of [{ type: 'slot-root' }, { keyId: 'ab' }, { epoch: 2 }])
    expect(unseal(MASTER, { ...context, ...change }, sealed, 'it')).toBeUndefined();
  for (const change of [{ keystoreId: '00' }, { algorithm: 'ed25519' }, { spkiSha256: '00' }])
    expect(() => unseal(MASTER, { ...context, ...change }, sealed, 'it')).toThrow(expect.objectContaining(TAMPERED));
});

test('a ciphertext that is shorter than a tag is refused', () => {
  const context: SealContext = { keystoreId: ID, type: 't', keyId: '', epoch: 1, algorithm: '', spkiSha256: '' };
  const sealed = { ...seal(MASTER, context, FILE.bytes), ciphertext: 'AAAA' };
  expect(() => unseal(MASTER, context, sealed, 'it')).toThrow(expect.objectContaining(TAMPERED));
});
