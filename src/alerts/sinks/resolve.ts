import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { refusal } from './address.ts';
import { passing, permanent, reasonOf } from './failure.ts';

/** All addresses of a name. */
export type Resolver = (host: string) => Promise<string[]>;

/** The system's: /etc/hosts and the DNS. */
export const systemResolver: Resolver = async (host) => (await lookup(host, { all: true })).map((one) => one.address);

/**
 * The address to connect to: asked for once, so that a name cannot lead to another place after it was looked at.
 * @param host a name or an address, without brackets
 * @throws ERR_REMOTE where one of its addresses is not one to send to
 */
export async function addressOf(host: string, resolver: Resolver, signal: AbortSignal): Promise<string> {
  const local = isIP(host) !== 0 || /^localhost\.?$/i.test(host);
  const addresses = isIP(host) === 0 ? await inTime(resolver(host), host, signal) : [host];
  for (const address of addresses) {
    const why = refusal(address, local);
    if (why !== undefined)
      throw permanent(`nothing is sent to ${host}: ${why}`, 'name the receiver by an address of its own');
  }
  const [first] = addresses;
  if (first === undefined) throw passing(`${host} has no address`, 'is the name right?');
  return first;
}

async function inTime(answer: Promise<string[]>, host: string, signal: AbortSignal): Promise<string[]> {
  const given = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('it takes too long')), { once: true });
  });
  try {
    return await Promise.race([answer, given]);
  } catch (cause) {
    throw passing(`the address of ${host} cannot be found: ${reasonOf(cause)}`, 'is the name right?', cause);
  }
}
