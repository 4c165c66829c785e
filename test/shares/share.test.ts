import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { completeSet, formatShare, readShares, type Share } from '../../src/shares/share.ts';
import { fromShares, newShares, parseThreshold } from '../../src/shares/split.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);
const numbered = (number: number): Share => ({
  set: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
  needed: 2,
  total: 3,
  number,
  value: new Uint8Array(33).fill(9 + number),
});
const share = numbered(1);
const line = formatShare(share);

describe('a share', () => {
  test('is one line that can be read out, and read again in any case and spelling', () => {
    expect(line).toMatch(/^CCA1(-[0-9A-HJKMNP-TV-Z]{1,5})+$/);
    const spelled = line.slice(0, 5) + line.slice(5).replaceAll('0', 'o').replaceAll('1', 'l');
    for (const form of [line, line.toLowerCase(), `  ${line}\r`, spelled, line.replaceAll(/(?<!CCA1)-/g, ' ')])
      expect(readShares(`# anything\n${form}\nmore\n`)).toEqual([share]);
    expect(readShares('a passphrase, as it is')).toBeUndefined();
  });

  test('a wrong character is noticed, wherever it is', () => {
    for (let at = 5; at < line.length; at++) {
      const old = line[at] as string;
      if (old === '-') continue;
      const changed = line.slice(0, at) + (old === 'Z' ? 'Y' : 'Z') + line.slice(at + 1);
      expect(() => readShares(changed)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
    }
    for (const changed of [line.slice(0, -1), `${line}0`, line.replace('-', '-U'), 'CCA1-'])
      expect(() => readShares(changed)).toThrow(/first share has a mistake/);
  });
});

test.each([
  ['one that opens alone', { needed: 1 }],
  ['needs none', { needed: 0 }],
  ['more are needed than there are', { needed: 4 }],
  ['of more than there may be', { total: 17 }],
  ['number 0', { number: 0 }],
  ['a number beyond the last', { number: 4 }],
  ['a value of one octet', { value: Uint8Array.of(7) }],
  ['one octet too many', { value: new Uint8Array(34).fill(7) }],
  ['where the secret is', { value: new Uint8Array(33) }],
])('a good checksum on what nobody made is no help: %s', async (_, change) => {
  const made = formatShare({ ...share, ...change });
  await expect(fromShares(bytes(`${made}\n${formatShare(numbered(2))}\n`))).rejects.toMatchObject({
    code: 'ERR_USAGE',
    message: expect.stringMatching(/first share is none that cluster-ca made/),
  });
});

test.each([
  ['one value under two numbers', { number: 2 }],
  ['one place under two numbers', { number: 2, value: Uint8Array.from([...new Uint8Array(32).fill(1), 10]) }],
  ['two values under one number', { value: new Uint8Array(33).fill(77) }],
  ['another number that is needed', { number: 2, needed: 3, value: numbered(2).value }],
  ['another number of all', { number: 2, total: 5, value: numbered(2).value }],
])('shares that contradict one another are refused: %s', async (_, change) => {
  const file = [share, { ...share, ...change }, numbered(3)].map((one) => `${formatShare(one)}\n`).join('');
  await expect(fromShares(bytes(file))).rejects.toMatchObject({
    code: 'ERR_USAGE',
    message: expect.stringContaining('does not go with the others'),
  });
});

describe('a set', () => {
  const second = numbered(2);
  test('is complete with as many different ones as are needed', () => {
    expect(completeSet([share, second, numbered(3)]).map(({ number }) => number)).toEqual([1, 2]);
  });

  test('too few, or the same twice: it says which are there and how many are missing', () => {
    for (const few of [[share], [share, share]])
      expect(() => completeSet(few)).toThrow(/2 different shares of 3 are needed.*only number 1/);
  });

  test('of two secrets: it says which', () => {
    expect(() => completeSet([share, { ...second, set: new Uint8Array(8) }])).toThrow(
      /number 1 of set 0102030405060708, number 2 of set 0{16}/,
    );
  });
});

test.each(['3', '1of3', '4of3', '2of17', '0of0', '3 of 5', '3/5'])('%s is no number of shares', (words) => {
  expect(() => parseThreshold(words)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
});

const installed = (() => {
  try {
    return createRequire(import.meta.url).resolve('shamir-secret-sharing') !== '';
  } catch {
    process.stderr.write('test of shares skipped: shamir-secret-sharing is not installed\n');
    return false;
  }
})();

(installed ? describe : describe.skip)('the secret', () => {
  test('any m of n give it, fewer give nothing, and what is no share is left as it is', async () => {
    const { shares, passphrase } = await newShares({ needed: 3, total: 5 });
    expect(text(passphrase)).toMatch(/^[0-9A-Z]{52}$/);
    for (const some of [
      [0, 1, 2],
      [4, 2, 0],
      [1, 3, 4],
      [0, 1, 2, 3, 4],
    ]) {
      const file = some.map((i) => `words\n${formatShare(shares[i] as Share)}\n`).join('');
      expect(await fromShares(bytes(file))).toEqual(passphrase);
    }
    const two = shares.slice(0, 2).map((one) => formatShare(one));
    await expect(fromShares(bytes(two.join('\n')))).rejects.toThrow(/3 different shares/);
    expect(await fromShares(bytes('correct horse'))).toEqual(bytes('correct horse'));
  });
});
