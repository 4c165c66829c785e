import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { DirectoryStore } from '../../src/keystore/directory/directory-store.ts';
import { Keystore } from '../../src/keystore/keystore.ts';
import { unlock } from '../../src/keystore/unlock.ts';
// @ts-expect-error: plain JavaScript, so that it runs without anything of this project
import * as reader from './second-reader.mjs';

// The format document, proven: a reader written from it alone reads what the code reads.

const path = (name: string) => fileURLToPath(new URL(`vectors/${name}`, import.meta.url));
const vectors = (name: string) => JSON.parse(readFileSync(path(name), 'utf8'));
const SECRETS = [
  'correct horse battery staple',
  'a passphrase of vectors, the second',
  'cluster-ca test vector key file!',
];
const bytes = (text: string) => Buffer.from(text);

describe('the keystore of the test vectors', () => {
  const second = reader.readKeystore(path('keystore'), SECRETS.map(bytes));

  test('both readers see the same state and the same certificates', async () => {
    const keystore = await Keystore.open(new DirectoryStore(path('keystore'), { groupRead: false }), {
      anchors: undefined,
    });
    expect(keystore.tail).toEqual({ records: 5, certificates: 0 });
    expect(second.state).toEqual(keystore.state);
    await keystore.reloadWithoutSnapshot();
    expect(second.state).toEqual(keystore.state);
    const certificates = [];
    for await (const group of keystore.certificates.all())
      for (const { superseded: _, ...row } of group) certificates.push(row);
    expect(second.certificates).toEqual(certificates);
    expect(await keystore.certificates.revocations('issuing-g1.1')).toEqual(second.revoked);
  });

  test('the secrets open three slots and all keys, by both', async () => {
    expect(second.slots).toEqual(second.state.slots.map(({ id }: { id: string }) => id));
    expect(second.keys).toHaveLength(3);
    const keystore = await Keystore.open(new DirectoryStore(path('keystore'), { groupRead: false }), {
      anchors: undefined,
    });
    const passphrase = (text = '') => ({ kind: 'passphrase' as const, bytes: bytes(text) });
    const daily = await unlock(keystore, 'daily', [passphrase(SECRETS[1])]);
    const { sealed, keyType } = keystore.issuing;
    expect((await daily.signer(sealed, keyType)).keyType).toBe('ecdsa-p256');
    const byFile = await unlock(keystore, 'daily', [{ kind: 'key-file', bytes: bytes(SECRETS[2] as string) }]);
    expect(byFile.slot.name).toBe('key-file');
    await expect(unlock(keystore, 'daily', [passphrase(SECRETS[0])])).rejects.toMatchObject({ code: 'ERR_PASSPHRASE' });
    expect((await unlock(keystore, 'root', [passphrase(SECRETS[0])])).epoch).toBe(1);
  });

  test('the snapshot holds what the log said up to its record', () => {
    const { snapshot, certificates, revoked } = second;
    expect(snapshot.state.seq).toBe(3);
    const then = certificates.map((row: object) => ({ ...row, abandoned: false }));
    expect(snapshot.certificates).toEqual(then);
    expect(snapshot.revoked).toEqual(revoked);
    const serials = certificates.map(({ serial }: { serial: string }) => serial).sort();
    expect(snapshot.serials.map(({ serial }: { serial: string }) => serial)).toEqual(serials);
    expect(snapshot.times).toHaveLength(2);
    expect(snapshot.requests).toEqual(second.requests.slice(0, 2));
  });
});

describe('single steps', () => {
  test('canonical JSON', () => {
    const { accepted, refused } = vectors('canonical.json');
    for (const { input, canonical, hex } of accepted) {
      expect(reader.encode(JSON.parse(input))).toBe(canonical);
      expect(reader.decode(Buffer.from(hex, 'hex').toString())).toEqual(JSON.parse(input));
    }
    for (const text of refused) expect(() => reader.decode(text)).toThrow();
  });

  test('sealing', () => {
    for (const { key, context, plaintext, sealed } of vectors('sealing.json')) {
      const k = Buffer.from(key, 'hex');
      expect(reader.unseal(k, context, sealed).toString('hex')).toBe(plaintext);
      expect(reader.unseal(Buffer.alloc(32), context, sealed)).toBeUndefined();
    }
  });

  test('keys from secrets', () => {
    for (const { kind, secret, kdf, kek } of vectors('kek.json'))
      expect(reader.kekOf(kind, bytes(secret), kdf).toString('hex')).toBe(kek);
  });

  test('signed lines', () => {
    for (const { domain, keystoreId, publicKey, file } of vectors('signed-line.json'))
      expect(
        reader.decodeSigned(domain, keystoreId, Buffer.from(file, 'hex'), Buffer.from(publicKey, 'hex')),
      ).toMatchObject({ z: [1, 2, 3] });
  });

  test('packs', () => {
    for (const { certificates, pack } of vectors('pack.json')) {
      const read = reader.decodePack(Buffer.from(pack, 'hex'));
      expect(read.map((entry: { der: Buffer }) => ({ ...entry, der: entry.der.toString('hex') }))).toEqual(
        certificates,
      );
    }
  });

  test.each(['certificates', 'serials', 'times', 'revoked', 'requests'])('rows: %s', (table) => {
    for (const { value, row } of vectors('rows.json')[table]) {
      const { width, read } = reader.TABLES[table];
      expect(row).toHaveLength(2 * width);
      expect(read(Buffer.from(row, 'hex'))).toEqual(value);
    }
  });
});
