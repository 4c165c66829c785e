import { sha256 } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { concatBytes, equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';

/** One of n parts of a secret, of which m give it back. */
export interface Share {
  /** 8 random octets that all shares of one secret have in common. */
  set: Uint8Array;
  /** How many are needed, how many there are, and which this is, from 1. */
  needed: number;
  total: number;
  number: number;
  /** What the library made: the value of the polynomials, and where. */
  value: Uint8Array;
}

/** More people than come together, and fewer octets than a passphrase's file may have. */
export const MOST_SHARES = 16;
/** One that opens alone would be a passphrase. */
export const LEAST_SHARES = 2;
const PREFIX = 'CCA1-';
const CHECKSUM = 4;
/** version, set, needed, total, number */
const HEAD = 12;
/** A secret of 32 octets, and where on the polynomials the share is: never at 0, where the secret is. */
const VALUE = 33;
const VERSION = 1;
/** Crockford's base 32: none of I, L, O, U, so that nobody has to ask which. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** One line, in groups of five that can be read out and typed: the share and a checksum of it. */
export function formatShare({ set, needed, total, number, value }: Share): string {
  const content = concatBytes(Uint8Array.of(VERSION), set, Uint8Array.of(needed, total, number), value);
  const text = encode(concatBytes(content, checksum(content)));
  return PREFIX + (text.match(/.{1,5}/g) ?? []).join('-');
}

/** The shares in a text; other lines are left out. Undefined when there is none: then it is something else. @throws ERR_USAGE for one with a mistake in it */
export function readShares(text: string): Share[] | undefined {
  const lines = text.split('\n').map((line) => line.trim().toUpperCase());
  const found = lines.filter((line) => line.startsWith(PREFIX));
  return found.length === 0 ? undefined : found.map((line, i) => readShare(line, i + 1));
}

function readShare(line: string, place: number): Share {
  const octets = decode(line.slice(PREFIX.length).replaceAll('-', '').replaceAll(' ', ''));
  const content = octets?.subarray(0, -CHECKSUM) ?? new Uint8Array(0);
  if (octets === undefined || content.length <= HEAD || !equalBytes(checksum(content), octets.subarray(-CHECKSUM)))
    throw new ClusterCaError(
      'ERR_USAGE',
      `the ${ordinal(place)} share has a mistake in it: its checksum does not fit`,
      {
        hint: 'compare it with the file or the paper that it was typed from',
      },
    );
  const [version, needed = 0, total = 0, number = 0] = [content[0], ...content.subarray(9, HEAD)];
  if (version !== VERSION)
    throw new ClusterCaError('ERR_USAGE', `the ${ordinal(place)} share was made by a later version of cluster-ca`, {
      hint: 'install that version, or a newer one',
    });
  const value = content.slice(HEAD);
  const counts = needed >= LEAST_SHARES && needed <= total && total <= MOST_SHARES && number >= 1 && number <= total;
  if (!counts || value.length !== VALUE || value.at(-1) === 0)
    throw new ClusterCaError(
      'ERR_USAGE',
      `the ${ordinal(place)} share is none that cluster-ca made: number ${number} of ${total}, of which ${needed} are needed, with ${value.length} octets`,
      { hint: 'take the file, or the paper, that keystore slot add --shares made' },
    );
  return { set: content.slice(1, 9), needed, total, number, value };
}

/**
 * Those that belong together, as many as are needed.
 * @throws ERR_USAGE when they are of several sets, contradict one another, or are too few
 */
export function completeSet(shares: readonly Share[]): Share[] {
  const [first] = shares as [Share];
  const other = shares.find(({ set }) => !equalBytes(set, first.set));
  if (other !== undefined)
    throw new ClusterCaError(
      'ERR_USAGE',
      `the shares are of different secrets: number ${first.number} of set ${toHex(first.set)}, number ${other.number} of set ${toHex(other.set)}`,
      { hint: 'each share says in its file which slot of which keystore it opens' },
    );
  const byNumber = new Map(shares.map((share) => [share.number, share]));
  for (const share of shares) checkFits(share, first, shares);
  const numbers = [...byNumber.keys()].sort((a, b) => a - b);
  if (byNumber.size < first.needed)
    throw new ClusterCaError(
      'ERR_USAGE',
      `${first.needed} different shares of ${first.total} are needed, and ${byNumber.size === 1 ? 'only number' : 'only numbers'} ${numbers.join(' and ')} of set ${toHex(first.set)} ${byNumber.size === 1 ? 'is' : 'are'} there`,
      {
        hint: `give ${first.needed - byNumber.size} more, all in one file or from one command: --passphrase-command 'cat SHARE…'`,
      },
    );
  return [...byNumber.values()].slice(0, first.needed);
}

/** What one and the same split makes: everywhere the same counts, and of each number one value, of its own. */
function checkFits(share: Share, first: Share, shares: readonly Share[]): void {
  const { set, needed, total, number, value } = share;
  const fits =
    needed === first.needed &&
    total === first.total &&
    shares.every((other) => (other.number === number) === (placeOf(other) === placeOf(share))) &&
    shares.every((other) => other.number !== number || equalBytes(other.value, value));
  if (!fits)
    throw new ClusterCaError(
      'ERR_USAGE',
      `share number ${number} of set ${toHex(set)} does not go with the others: it was changed, or another has its number`,
      { hint: 'take the files, or the papers, that keystore slot add --shares made' },
    );
}

/** Where on the polynomials a share is: the library's last octet. */
function placeOf({ value }: Share): number | undefined {
  return value.at(-1);
}

function ordinal(place: number): string {
  return ['first', 'second', 'third'][place - 1] ?? `${place}th`;
}

function checksum(content: Uint8Array): Uint8Array {
  return sha256(new TextEncoder().encode('cluster-ca v1 share'), content).subarray(0, CHECKSUM);
}

function encode(octets: Uint8Array): string {
  let out = '';
  let held = 0;
  let bits = 0;
  for (const octet of octets) {
    held = ((held << 8) | octet) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) out += DIGITS[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? out : out + DIGITS[(held << (5 - bits)) & 31];
}

/** Undefined for what is no digit, or bits beyond the last octet that are not zero. */
function decode(text: string): Uint8Array | undefined {
  const octets: number[] = [];
  let held = 0;
  let bits = 0;
  for (const character of text.replaceAll('O', '0').replaceAll(/[IL]/g, '1')) {
    const digit = DIGITS.indexOf(character);
    if (digit < 0) return undefined;
    held = ((held << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      octets.push((held >> bits) & 255);
    }
  }
  return (held & ((1 << bits) - 1)) === 0 && bits < 5 ? Uint8Array.from(octets) : undefined;
}

/** A secret in the digits of a share: what a slot takes for its passphrase. */
export function secretText(secret: Uint8Array): string {
  return encode(secret);
}
