import type { RandomBytes } from '../pki/serial.ts';

/** The `Crypto` of the whole program, chosen here and nowhere else; loaded only where a key is used. */
export async function loadCrypto(): Promise<Crypto> {
  const { Crypto: PeculiarCrypto } = await import('@peculiar/webcrypto');
  // Its typings follow the DOM's Crypto, ours follow Node's: the same interface under two names.
  return new PeculiarCrypto() as unknown as Crypto;
}

/** Random octets from a `Crypto`. */
export function randomFrom(crypto: Crypto): RandomBytes {
  return (length) => crypto.getRandomValues(new Uint8Array(length));
}
