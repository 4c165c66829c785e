import { tampered } from '../canonical.ts';
import { hex, integer, list, optional, pattern, record, type Shaped, timestamp } from '../shape.ts';

/** Tokens that a state holds at most, those not counted that have ended. */
export const MOST_JOIN_TOKENS = 1024;

const nodeName = pattern(
  /^(?!clients$)(?=.{1,64}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
  "a node's name",
);
const plane = pattern(/^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/, 'a plane');

/** The body of a `join-token` record: SHA-256 of the token's secret, never the token. */
export const joinTokenMade = record({
  sha256: hex(32),
  node: nodeName,
  planes: list(plane),
  expiresAt: timestamp,
});
export type JoinTokenMade = Shaped<typeof joinTokenMade>;

/** The body of a `join-token-used` record: which, and SHA-256 over the keys that are certified for it. */
export const joinTokenUsed = record({ sha256: hex(32), keys: hex(32) });
export type JoinTokenUsed = Shaped<typeof joinTokenUsed>;

/** The body of a `join-tokens-ended` record. */
export const joinTokensEnded = record({ sha256: list(hex(32)) });

/** A token as the state knows it; times in milliseconds since 1970. `keys`: it was used, for these. */
export const joinToken = record({
  sha256: hex(32),
  node: nodeName,
  planes: list(plane),
  madeAt: integer,
  expiresAt: integer,
  keys: optional(hex(32)),
});
export type JoinToken = Shaped<typeof joinToken>;

/** The tokens after one more was made; those that have ended by then are dropped. @throws ERR_KEYSTORE_TAMPERED */
export function withJoinToken(before: readonly JoinToken[], made: JoinTokenMade, time: number): JoinToken[] {
  const { expiresAt, ...rest } = made;
  const left = before.filter((token) => token.expiresAt > time);
  if (left.some(({ sha256 }) => sha256 === made.sha256)) throw tampered('a join token is made twice');
  if (left.length >= MOST_JOIN_TOKENS) throw tampered(`there are more than ${MOST_JOIN_TOKENS} join tokens`);
  return [...left, { ...rest, madeAt: time, expiresAt: Date.parse(expiresAt) }];
}

/** The tokens after one was used: each once. @throws ERR_KEYSTORE_TAMPERED for one that is not there, or was used */
export function withUsedToken(before: readonly JoinToken[], { sha256, keys }: JoinTokenUsed): JoinToken[] {
  const used = before.find((token) => token.sha256 === sha256);
  if (used === undefined || used.keys !== undefined) throw tampered('a join token is used that is not open');
  return before.map((token) => (token === used ? { ...token, keys } : token));
}

/** The tokens without those that were ended. */
export function withoutTokens(before: readonly JoinToken[], ended: readonly string[]): JoinToken[] {
  return before.filter(({ sha256 }) => !ended.includes(sha256));
}
