import { sha256Hex } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import { desiredOf, phaseOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Bodies } from '../../keystore/log/bodies.ts';
import { trustBundle } from '../../keystore/public.ts';
import { sideOfAuthority } from '../evidence/sides.ts';
import { type Holder, holderText } from '../planning/subject.ts';

/** What an operator says of a node or client; both fingerprints SHA-256 in hex. */
export interface Said {
  bundle?: string | undefined;
  certificate?: string | undefined;
}

/**
 * An operator's word, held against what the phase wants: of anything else it would prove nothing. Where neither is said
 * it has both: the phase's trust bundle, and its newest certificate if that is of the CA that issues now.
 * @throws ERR_STATE
 */
export async function confirmationOf(
  keystore: Keystore,
  holder: Holder,
  said: Said,
  now: Date,
): Promise<Bodies['confirm']> {
  const { kind, name } = holder;
  const both = said.bundle === undefined && said.certificate === undefined;
  const wanted = sha256Hex(new TextEncoder().encode(trustBundle(keystore, now)));
  if (said.bundle !== undefined && said.bundle !== wanted)
    throw new ClusterCaError('ERR_STATE', `${said.bundle.slice(0, 16)}… is not the trust bundle of this phase`, {
      hint: `cluster-ca export --format bundle writes it; sha256sum of it is ${wanted}`,
    });
  const bundle = both || said.bundle !== undefined ? { bundle: wanted } : {};
  const certificate = both || said.certificate !== undefined ? await certificateOf(keystore, holder, said) : undefined;
  return { kind, name, ...bundle, ...(certificate === undefined ? {} : { certificate }) };
}

async function certificateOf(keystore: Keystore, holder: Holder, { certificate }: Said): Promise<string | undefined> {
  const { state } = keystore;
  const { issuer } = desiredOf(state);
  const rows = await keystore.query((index) => index.ofName(holder.kind, holder.name));
  for (const row of rows.toReversed()) {
    if (sideOfAuthority(state, row.authority) !== issuer || row.revoked !== undefined) continue;
    const fingerprint = sha256Hex(await keystore.der(row));
    if (certificate === undefined || certificate === fingerprint) return fingerprint;
  }
  const who = holderText(holder);
  if (certificate === undefined && phaseOf(state) !== 'issue-new') return undefined;
  const what = certificate === undefined ? 'no certificate' : `no certificate ${certificate.slice(0, 16)}…`;
  throw new ClusterCaError('ERR_STATE', `${who} has ${what} of the ${issuer} root`, {
    hint: `cluster-ca rotate ${holder.name} --out DIR gives it one; where it is not in use any more: cluster-ca revoke ${holder.name}`,
  });
}
