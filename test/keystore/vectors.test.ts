import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, jest, test } from '@jest/globals';

// The octets of format v1, frozen: given the same randomness, the code must write what is checked in. A change that
// fails here changes the format, and old keystores with it. With WRITE_VECTORS=1 they are written anew.

const VECTORS = fileURLToPath(new URL('vectors/keystore', import.meta.url));
const JSON_VECTORS = fileURLToPath(new URL('vectors', import.meta.url));
const WRITE = process.env.WRITE_VECTORS === '1';
const sha256 = (...parts: Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash;
};
let drawn = 0;
jest.unstable_mockModule('../../src/crypto/hash.ts', () => ({
  sha256: (...parts: Uint8Array[]) => new Uint8Array(sha256(...parts).digest()),
  sha256Hex: (...parts: Uint8Array[]) => sha256(...parts).digest('hex'),
  sha256OfText: (text: string) => sha256(Buffer.from(text)).digest(),
  randomBytes: (length: number) =>
    new Uint8Array(createHash('shake256', { outputLength: length }).update(`vector randomness ${drawn++}`).digest()),
}));
const { jsonVectors } = await import('./support/json-vectors.ts');
const { VectorKeystore } = await import('./support/vector-keystore.ts');

test('the code writes the keystore of the test vectors, octet for octet', async () => {
  const { store } = await VectorKeystore.build();
  if (WRITE)
    for (const [path, bytes] of store.files) {
      mkdirSync(dirname(join(VECTORS, path)), { recursive: true });
      writeFileSync(join(VECTORS, path), bytes);
    }
  expect([...store.files.keys()].sort()).toEqual(filesBelow(VECTORS));
  for (const [path, bytes] of store.files)
    expect([path, Buffer.from(bytes).toString('latin1')]).toEqual([path, readFileSync(join(VECTORS, path), 'latin1')]);
});

test('single steps give what the JSON vectors say', async () => {
  for (const [name, vectors] of Object.entries(await jsonVectors())) {
    const json = `${JSON.stringify(vectors, null, 1)}\n`;
    if (WRITE) writeFileSync(join(JSON_VECTORS, name), json);
    expect([name, json]).toEqual([name, readFileSync(join(JSON_VECTORS, name), 'utf8')]);
  }
});

function filesBelow(root: string): string[] {
  return (readdirSync(root, { recursive: true }) as string[])
    .filter((path) => statSync(join(root, path)).isFile())
    .sort();
}
