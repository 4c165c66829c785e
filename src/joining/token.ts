import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import { isNodeName } from '../issuance/names.ts';
import { encodeCanonical } from '../keystore/canonical.ts';

const PREFIX = 'cluster-ca-join-1.';
/** Octets of a token's secret. */
export const SECRET_LENGTH = 32;
/** More than any token: a wrong file is noticed without being used. */
const MOST = 4096;

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const contentSchema = z.strictObject({
  cluster: z.string().min(1).max(64),
  node: z.string().refine(isNodeName),
  planes: z.array(z.string().regex(/^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/)).min(1),
  expiresAt: z.iso.datetime(),
  /** SHA-256 of the SubjectPublicKeyInfo of each root that is trusted. */
  roots: z.array(hash).min(1).max(16),
  /** base64url, 32 octets. */
  secret: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

/** What a join token says: for whom it is, whom to trust at the first contact, and the secret that is worth one use. */
export type JoinTokenContent = z.infer<typeof contentSchema>;

/** A token as it is written: one line. */
export function encodeToken(content: JoinTokenContent): string {
  return `${PREFIX}${Buffer.from(encodeCanonical(content)).toString('base64url')}`;
}

/** @throws ERR_CONFIG for what is no token; its content is never quoted */
export function decodeToken(text: string): JoinTokenContent {
  const line = text.trim();
  try {
    if (line.startsWith(PREFIX) && line.length <= MOST)
      return contentSchema.parse(JSON.parse(Buffer.from(line.slice(PREFIX.length), 'base64url').toString()));
  } catch {
    // Whatever is wrong with it: it is no token.
  }
  throw new ClusterCaError('ERR_CONFIG', 'this is no join token, or only a part of one', {
    hint: 'where the keystore is: cluster-ca join-token NODE --out FILE',
  });
}

/** The secret's octets. */
export function secretOf({ secret }: Pick<JoinTokenContent, 'secret'>): Uint8Array {
  return new Uint8Array(Buffer.from(secret, 'base64url'));
}
