import { sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { toHex } from '../pki/encoding.ts';
import type { IssueItem } from './item.ts';

/** What the request id of `issue` is bound to: everything that decides what the certificates will say. */
export function requestHash(items: readonly IssueItem[]): string {
  const asked = items.map(
    ({ kind, name, plane, profile, dns, ip, role, keyType, lifetime, wildcards, publicKey }: IssueItem) => ({
      kind,
      name,
      plane,
      profile,
      dns,
      ip,
      role,
      keyType,
      lifetime,
      wildcards,
      publicKey: publicKey && toHex(publicKey),
    }),
  );
  return hashOf({ verb: 'issue', items: asked });
}

/** What the request id of `rotate` is bound to: the words, not what they select, which changes as it is done. */
export function rotationHash(scope: { names: string[]; all: boolean; due: boolean; planes: string[] }): string {
  return hashOf({ verb: 'rotate', ...scope });
}

function hashOf(request: object): string {
  return sha256Hex(new TextEncoder().encode(encodeCanonical(request)));
}

/** A request id as an operator gives it. @throws ERR_USAGE */
export function checkRequestId(id: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(id)) return id;
  throw new ClusterCaError('ERR_USAGE', `not a request id: ${JSON.stringify(id)}`, {
    hint: '1 to 128 printable characters without a space',
  });
}
