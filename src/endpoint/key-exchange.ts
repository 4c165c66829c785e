import { type Exchange, newExchange } from '../crypto/tls-keys.ts';
import { GROUPS } from './tls-numbers.ts';

/** One key for each group that is offered: no server then has to ask for another. */
export interface KeyShares {
  offered: { group: number; key: Uint8Array }[];
  /** The shared secret with the server's key; undefined for a group that was not offered, or no point of it. */
  agree(group: number, key: Uint8Array): Uint8Array | undefined;
}

export function newKeyShares(): KeyShares {
  const exchanges = new Map<number, Exchange>([
    [GROUPS.x25519, newExchange('x25519')],
    [GROUPS.secp256r1, newExchange('prime256v1')],
    [GROUPS.secp384r1, newExchange('secp384r1')],
    [GROUPS.secp521r1, newExchange('secp521r1')],
  ]);
  return {
    offered: [...exchanges].map(([group, { publicKey }]) => ({ group, key: publicKey })),
    agree(group, key) {
      try {
        return exchanges.get(group)?.agree(key);
      } catch {
        return undefined;
      }
    },
  };
}
