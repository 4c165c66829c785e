import { randomBytes, sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { anchorsOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { type JoinToken, MOST_JOIN_TOKENS } from '../keystore/log/join-tokens.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { isTakeover } from '../rollover/takeover.ts';
import { formatTime } from '../values/time.ts';
import { encodeToken, SECRET_LENGTH } from './token.ts';

/** A token is worth an hour at most, in seconds. */
export const LONGEST_TTL = 3600;

export interface TokenRequest {
  node: string;
  planes: string[];
  /** Seconds, 1 to 3,600. */
  ttl: number;
}

export interface MadeToken {
  node: string;
  planes: string[];
  /** RFC 3339. */
  expiresAt: string;
  /** SHA-256 of the SubjectPublicKeyInfo of each root that is trusted now. */
  roots: string[];
  token: string;
}

/**
 * Makes a token for one node's name, for one use. Its hash is in the log before it is handed out; the token is nowhere.
 * @param wait milliseconds for the turn
 * @throws ERR_STATE when too many are open, and in a takeover; ERR_KEYSTORE_BUSY, ERR_CLOCK, ERR_STORAGE
 */
export async function makeToken(writer: KeystoreWriter, request: TokenRequest, wait: number): Promise<MadeToken> {
  const { keystore, options } = writer;
  const { node, planes, ttl } = request;
  const secret = randomBytes(SECRET_LENGTH);
  try {
    const entry = await writer.inTurn(wait, () =>
      writer.commit('join-token', newRequestId(), async () => {
        if (isTakeover(keystore))
          throw new ClusterCaError(
            'ERR_STATE',
            'a cluster of another CA is being taken over, which no agent takes part in',
            {
              hint: 'nodes join when that is done: cluster-ca rollover status',
            },
          );
        const now = Math.max(options.now().getTime(), keystore.state.time);
        const open = (keystore.state.joinTokens ?? []).filter(({ expiresAt }) => expiresAt > now);
        if (open.length >= MOST_JOIN_TOKENS)
          throw new ClusterCaError('ERR_STATE', `${open.length} join tokens are open`, {
            hint: 'they end by themselves, within the hour',
          });
        // Whole seconds: what people read is what holds.
        const expiresAt = new Date(Math.floor(now / 1000 + ttl) * 1000).toISOString();
        return { node, planes, expiresAt, sha256: sha256Hex(secret) };
      }),
    );
    const expiresAt = formatTime(Date.parse(entry?.body.expiresAt ?? ''));
    const roots = trustedRoots(keystore, options.now());
    const { cluster } = keystore.state;
    const text = Buffer.from(secret).toString('base64url');
    return {
      node,
      planes,
      expiresAt,
      roots,
      token: encodeToken({ cluster, node, planes, expiresAt, roots, secret: text }),
    };
  } finally {
    secret.fill(0);
  }
}

/** SHA-256 of the public key of each root that is trusted now, hex: both in a rollover, none that has ended. */
export function trustedRoots({ state }: Keystore, now: Date): string[] {
  return anchorsOf(state)
    .map((anchor) => parseCertificate(anchor))
    .filter(({ notAfter }) => notAfter + 1000 > now.getTime())
    .map(({ publicKey }) => sha256Hex(publicKey.der));
}

/**
 * Ends the tokens of a node that were made and not used, when one is lost. (A rollover's step to `retire` ends all by
 * itself: they pin a root that goes.)
 * @param wait milliseconds for the turn
 * @returns how many
 */
export async function endTokens(writer: KeystoreWriter, node: string, wait: number): Promise<number> {
  const entry = await writer.inTurn(wait, () =>
    writer.commit('join-tokens-ended', newRequestId(), async () => {
      const open = openTokens(writer.keystore, node, writer.options.now());
      return open.length === 0 ? undefined : { sha256: open.map(({ sha256 }) => sha256) };
    }),
  );
  return entry?.body.sha256.length ?? 0;
}

/** The tokens of a node that are good, and not used. */
export function openTokens({ state }: Keystore, node: string, now: Date): JoinToken[] {
  return (state.joinTokens ?? []).filter(
    (token) => token.node === node && token.keys === undefined && token.expiresAt > now.getTime(),
  );
}
