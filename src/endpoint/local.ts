import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a name may take to resolve. */
const PATIENCE = 3_000;

/** True for an address of this host, or a name that resolves to nothing but such. A name that does not resolve is not. */
export async function isLocalHost(host: string): Promise<boolean> {
  if (isIP(host) !== 0) return isLocalAddress(host);
  if (host === 'localhost') return true;
  try {
    const waited = new AbortController();
    const found = await Promise.race([
      lookup(host, { all: true }),
      sleep(PATIENCE, [], { signal: waited.signal, ref: false }),
    ]);
    waited.abort();
    return found.length > 0 && found.every(({ address }) => isLocalAddress(address));
  } catch {
    return false;
  }
}

function isLocalAddress(address: string): boolean {
  if (/^127\./.test(address) || address === '::1') return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((own) => own.address === address));
}
