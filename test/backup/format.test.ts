import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { done } from '../cli/checks.ts';
import { newCluster } from '../support/clusters.ts';

// A second reader, written from docs/keystore-format.md §17 and §8 alone: it shares no code with src/backup.

const { ca, directory, keystore, keyFile } = await newCluster();
await done(ca, ['issue', 'n1', 'n2', 'n3']);
await done(ca, ['revoke', 'n1', '--yes']);
const path = join(directory, 'backup');
await done(ca, ['keystore', 'backup', '--out', path]);

const hkdf = (key: Uint8Array, salt: Uint8Array, info: Uint8Array | string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', key, salt, info, length));
const prefixed = (...parts: string[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(part));
      return Buffer.concat([length, Buffer.from(part)]);
    }),
  );
function open(key: Buffer, nonce: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(aad).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

async function readBackup(): Promise<Map<string, Buffer>> {
  const file = await readFile(path);
  const end = file.indexOf('\n') + 1;
  const header = JSON.parse(file.subarray(0, end).toString());
  const of64 = (text: string): Buffer => Buffer.from(text, 'base64');
  const kek = hkdf(await readFile(keyFile), of64(header.kdf.salt), 'cluster-ca v1 slot', 32);
  const info = prefixed('cluster-ca v1 seal', 'backup', header.id, '1');
  const derived = hkdf(kek, of64(header.sealed.salt), info, 76);
  expect(derived.subarray(44).equals(of64(header.sealed.commitment))).toBe(true);
  const aad = prefixed('cluster-ca v1 seal', header.keystore, 'backup', header.id, '1', 'backup-key', '');
  const fileKey = open(derived.subarray(0, 32), derived.subarray(32, 44), of64(header.sealed.ciphertext), aad);
  const salt = createHash('sha256').update(file.subarray(0, end)).digest();
  const key = hkdf(fileKey, salt, 'cluster-ca v1 backup stream', 32);
  const chunks: Buffer[] = [];
  for (let at = end, number = 0; at < file.length; at += 65_552, number++) {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(number, 7);
    nonce[11] = at + 65_552 >= file.length ? 1 : 0;
    chunks.push(open(key, nonce, file.subarray(at, at + 65_552), Buffer.alloc(0)));
  }
  const plain = Buffer.concat(chunks);
  const files = new Map<string, Buffer>();
  for (let at = 0; ; ) {
    const newline = plain.indexOf('\n', at);
    const { name, length, entries } = JSON.parse(plain.subarray(at, newline).toString());
    if (entries !== undefined) {
      expect([entries, newline + 1]).toEqual([files.size, plain.length]);
      return files;
    }
    files.set(name, plain.subarray(newline + 1, newline + 1 + length));
    at = newline + 1 + length;
  }
}

test('a backup is what the page says, and holds what the keystore holds', async () => {
  const files = await readBackup();
  expect([...files.keys()][0]).toBe('KEYSTORE');
  for (const family of ['slots', 'sealed', 'objects'])
    for (const name of await readdir(join(keystore, family)))
      expect(files.get(`${family}/${name}`)?.equals(await readFile(join(keystore, family, name)))).toBe(true);
  const records = await readdir(join(keystore, 'log/0'));
  for (const seq of records)
    expect(files.get(`log/${seq}`)?.equals(await readFile(join(keystore, 'log/0', seq)))).toBe(true);
  expect([...files.keys()].filter((name) => name.startsWith('log/'))).toHaveLength(records.length);
});
