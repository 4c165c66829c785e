import { randomBytes } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { completeSet, LEAST_SHARES, MOST_SHARES, readShares, type Share, secretText } from './share.ts';

/** `3of5`. @throws ERR_USAGE */
export function parseThreshold(text: string): { needed: number; total: number } {
  const [, needed = 0, total = 0] = (/^(\d{1,2})of(\d{1,2})$/.exec(text) ?? []).map(Number);
  if (needed >= LEAST_SHARES && needed <= total && total <= MOST_SHARES) return { needed, total };
  throw new ClusterCaError('ERR_USAGE', `not a number of shares: ${JSON.stringify(text)}`, {
    hint: `such as 3of5: any 3 of 5 open it; at least ${LEAST_SHARES}, at most ${MOST_SHARES}`,
  });
}

/** A new random secret, split; `passphrase` is what it is to a slot. The caller zeroes it. */
export async function newShares({
  needed,
  total,
}: {
  needed: number;
  total: number;
}): Promise<{ shares: Share[]; passphrase: Uint8Array }> {
  const { split } = await loadLibrary();
  const secret = randomBytes(32);
  const set = randomBytes(8);
  try {
    const values = await split(secret, total, needed);
    const shares = values.map((value, i) => ({ set, needed, total, number: i + 1, value }));
    const passphrase = new TextEncoder().encode(secretText(secret));
    // Shares that do not give it back would be noticed on the day they are needed.
    for (const some of [shares.slice(0, needed), shares.slice(total - needed)])
      if (Buffer.compare(await combined(some), passphrase) !== 0)
        throw new Error('the shares do not give the secret back');
    return { shares, passphrase };
  } finally {
    secret.fill(0);
  }
}

/**
 * What a passphrase's source holds: shares are put together, anything else is a passphrase as it is.
 * Whether the result is the right one, only the slot can tell: the sum of wrong shares is a secret like any other.
 * @throws ERR_USAGE for shares with a mistake, of different sets, or too few
 */
export async function fromShares(source: Uint8Array): Promise<Uint8Array> {
  const shares = readShares(new TextDecoder().decode(source));
  return shares === undefined ? source : combined(completeSet(shares));
}

async function combined(shares: readonly Share[]): Promise<Uint8Array> {
  const { combine } = await loadLibrary();
  const secret = await combine(shares.map(({ value }) => value));
  try {
    return new TextEncoder().encode(secretText(secret));
  } finally {
    secret.fill(0);
  }
}

async function loadLibrary(): Promise<typeof import('shamir-secret-sharing')> {
  try {
    return await import('shamir-secret-sharing');
  } catch (cause) {
    throw new ClusterCaError('ERR_CONFIG', 'the library for shares was not built in', {
      hint: 'npm ci, then npm run build',
      cause,
    });
  }
}
