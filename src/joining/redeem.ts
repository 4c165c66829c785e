import { equalSecret } from '../crypto/aead.ts';
import { sha256, sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type Certified, type CertifiedItem, certifyTogether } from '../issuance/certify.ts';
import { checkItem } from '../issuance/policy.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { JoinToken } from '../keystore/log/join-tokens.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { fromHex, toHex } from '../pki/encoding.ts';

/** The error of a token that is not accepted; `details.token` says that it is one. */
function refused(why: string): ClusterCaError {
  return new ClusterCaError('ERR_STATE', `the join token is not accepted: ${why}`, {
    hint: 'an operator makes a new one: cluster-ca join-token NODE',
    details: { token: true },
  });
}

export function isTokenRefusal(error: unknown): error is ClusterCaError {
  return isClusterCaError(error) && error.details?.token === true;
}

/**
 * The token whose secret this is. Every token is compared, each in constant time, so that the time says nothing of how
 * near a guess was. Whoever has the secret is told what is wrong with the token; whoever has not, nothing.
 * @param like.keys for which a use before is no obstacle: the same keys again
 * @throws ERR_STATE with `details.token`
 */
export function findToken(
  { state }: Keystore,
  secret: Uint8Array,
  { node, keys, now }: { node: string; keys: string | 'any'; now: Date },
): JoinToken {
  const own = sha256(secret);
  let token: JoinToken | undefined;
  for (const one of state.joinTokens ?? []) if (equalSecret(fromHex(one.sha256), own)) token = one;
  if (token === undefined) throw refused('it is not known, or has ended');
  if (token.node !== node) throw refused('it is for another node');
  if (Math.max(now.getTime(), state.time) >= token.expiresAt) throw refused('it has ended');
  if (token.keys !== undefined && keys !== 'any' && token.keys !== keys) throw refused('it has been used');
  return token;
}

/** The keys of a request, as the record of its token's use has them. */
export function keysHash(items: readonly CertifiedItem[]): string {
  const keys = items.map(({ plane, publicKey }) => `${plane} ${toHex(publicKey)}`).sort();
  return hashOf(keys);
}

/**
 * Certifies the keys of a node that has a token. The record of its use comes first: of two at once with the same
 * token the second finds it used. The same keys again, until the token ends, get the same certificates: a node that
 * was killed before it heard of them asks again.
 * @param wait milliseconds for the turn
 * @throws ERR_STATE with `details.token`; ERR_POLICY for a key that this CA does not certify: then the token is not used
 */
export async function redeemToken(
  writer: KeystoreWriter,
  secret: Uint8Array,
  node: string,
  items: readonly CertifiedItem[],
  wait: number,
): Promise<Certified[]> {
  const { keystore, options } = writer;
  const keys = keysHash(items);
  const requestId = newRequestId();
  return writer.inTurn(wait, async () => {
    const issuer = keystore.authorityCertificate(keystore.issuing.id);
    for (const item of items) checkItem(item, { policy: keystore.state.policy, issuer, now: options.now() });
    let token: JoinToken | undefined;
    await writer.commit('join-token-used', requestId, async () => {
      token = findToken(keystore, secret, { node, keys, now: options.now() });
      await refuseRevokedSince(keystore, token);
      for (const { plane } of items) if (!token.planes.includes(plane)) throw refused(`it is not for plane ${plane}`);
      return token.keys === undefined ? { sha256: token.sha256, keys } : undefined;
    });
    const request = { requestId, requestHash: hashOf({ verb: 'enroll', node, keys }) };
    // A revocation may come between the two records.
    const confirm = async (): Promise<void> => {
      if (token !== undefined) await refuseRevokedSince(keystore, token);
    };
    return certifyTogether(writer, items, request, { afresh: true, confirm });
  });
}

/** A node that was revoked after its token was made does not come back by it. */
async function refuseRevokedSince(keystore: Keystore, { node, madeAt }: JoinToken): Promise<void> {
  const rows = await keystore.query((index) => index.ofName('node', node));
  if (rows.some(({ revoked }) => revoked !== undefined && revoked.at >= madeAt))
    throw refused('its node was revoked since it was made');
}

function hashOf(value: unknown): string {
  return sha256Hex(new TextEncoder().encode(encodeCanonical(value)));
}
