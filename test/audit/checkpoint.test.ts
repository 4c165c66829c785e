import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  keystoreOf,
  originOf,
  readCheckpoint,
  signCheckpoint,
  verifierKey,
  verifyCheckpoint,
} from '../../src/audit/checkpoint.ts';
import { encodeProof, readProof } from '../../src/audit/proof.ts';
import { fixedEd25519 } from '../keystore/support/deterministic-keys.ts';

const key = fixedEd25519('audit key');
const other = fixedEd25519('another key');
const origin = originOf('orders', '00112233445566778899aabbccddeeff');
const root = new Uint8Array(32).fill(7);
const note = await signCheckpoint({ origin, size: 12, root }, key.spki, key.signer);

test('a name of a key has the id that the checksum database of Go publishes for its own', () => {
  const raw = Buffer.from('Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8', 'base64').subarray(1);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') };
  const spki = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
  expect(verifierKey('sum.golang.org', spki)).toBe(
    'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
  );
});

test('three lines, an empty one, a signature', () => {
  const lines = note.split('\n');
  expect(lines.slice(0, 4)).toEqual([origin, '12', Buffer.from(root).toString('base64'), '']);
  expect(lines[4]).toMatch(new RegExp(`^— ${origin} [A-Za-z0-9+/]{90}[A-Za-z0-9+/=]{2}$`));
  expect(lines.slice(5)).toEqual(['']);
  const read = readCheckpoint(note, 'it');
  expect(read).toMatchObject({ origin, size: 12, root });
  verifyCheckpoint(read, origin, key.spki);
  expect(keystoreOf(origin)).toBe('00112233445566778899aabbccddeeff');
});

test('signatures of witnesses beside ours, and lines of an extension, change nothing', async () => {
  verifyCheckpoint(readCheckpoint(`${note}— witness.example AAAAAAAA\n`, 'it'), origin, key.spki);
  const [head, signature] = note.split('\n\n');
  expect(() => verifyCheckpoint(readCheckpoint(`${head}\nmore\n\n${signature}`, 'it'), origin, key.spki)).toThrow(
    /not signed/,
  );
});

const forged = await signCheckpoint({ origin, size: 12, root }, other.spki, other.signer);
const underOurId = await signCheckpoint({ origin, size: 12, root }, key.spki, other.signer);
const elsewhere = await signCheckpoint({ origin: 'cluster-ca/x/y', size: 12, root }, key.spki, key.signer);

describe('refused', () => {
  test.each([
    ['another size', note.replace('\n12\n', '\n13\n')],
    ['another root', note.replace('BwcH', 'BwcI')],
    ['a signature of another key', forged],
    ['a signature of another key under our id', underOurId],
    ['another log', elsewhere],
  ])('%s', (_, changed) => {
    const read = readCheckpoint(changed, 'it');
    expect(() => verifyCheckpoint(read, origin, key.spki)).toThrow(
      expect.objectContaining({ code: 'ERR_KEYSTORE_TAMPERED' }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no signature', note.split('\n\n')[0] as string],
    ['an empty signature part', `${note.split('\n\n')[0]}\n\n`],
    ['a size with a leading zero', note.replace('\n12\n', '\n012\n')],
    ['a root that is shorter', note.replace('BwcH', '')],
    ['a line that is none', `${note}more\n`],
    ['carriage returns', note.replaceAll('\n', '\r\n')],
    ['a file as large as a disk', note + `— w AAAA\n`.repeat(10_000)],
  ])('%s is no checkpoint: 2', (_, text) => {
    expect(() => readCheckpoint(text, 'it')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});

describe('a proof', () => {
  const text = encodeProof(3, [root, root], note);
  test('has the form of C2SP tlog-proof, with or without extra data', () => {
    expect(text.split('\n').slice(0, 5)).toEqual([
      'c2sp.org/tlog-proof@v1',
      'index 3',
      Buffer.from(root).toString('base64'),
      Buffer.from(root).toString('base64'),
      '',
    ]);
    for (const form of [text, text.replace('index', 'extra AAAA\nindex')]) {
      const proof = readProof(form, 'it');
      expect([proof.index, proof.path, proof.checkpoint.size]).toEqual([3, [root, root], 12]);
    }
  });

  test.each([
    ['nothing', ''],
    ['another version', text.replace('@v1', '@v2')],
    ['no index', text.replace('index 3\n', '')],
    ['a negative index', text.replace('index 3', 'index -1')],
    ['a hash that is none', text.replace('BwcH', 'BwcH=')],
    ['more hashes than a tree has levels', encodeProof(3, Array(64).fill(root), note)],
    ['no checkpoint', text.slice(0, text.indexOf('\n\n') + 2)],
  ])('%s is none: 2', (_, changed) => {
    expect(() => readProof(changed, 'it')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});
