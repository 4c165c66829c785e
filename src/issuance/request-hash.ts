import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { toHex } from '../pki/encoding.ts';
import type { IssueItem } from './item.ts';

/** What a request id is bound to: the verb and everything that decides what the certificates will say. */
export function requestHash(verb: 'issue' | 'rotate', items: readonly IssueItem[]): string {
  const asked = items.map(({ publicKey, origin: _, ...item }) => ({
    ...item,
    ...(publicKey === undefined ? {} : { publicKey: toHex(publicKey) }),
  }));
  return sha256Hex(new TextEncoder().encode(encodeCanonical({ verb, items: asked })));
}

/** A request id as an operator gives it. @throws ERR_USAGE */
export function checkRequestId(id: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(id)) return id;
  throw new ClusterCaError('ERR_USAGE', `not a request id: ${JSON.stringify(id)}`, {
    hint: '1 to 128 printable characters without a space',
  });
}
