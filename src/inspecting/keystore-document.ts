import { type AuthorityObject, authorityObject } from '../authority/authority-object.ts';
import { isDestroyed } from '../keystore/hierarchy.ts';
import { auditKeyFingerprint } from '../keystore/identity.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Policy, SlotRef } from '../keystore/log/bodies.ts';
import { formatHead } from '../keystore/log/state.ts';
import { type CrlObject, crlObject } from '../revocation/revoke.ts';
import { formatTime } from '../values/time.ts';

/** A slot as every document shows it. */
export type SlotObject = Pick<SlotRef, 'name' | 'domain' | 'kind' | 'createdAt'>;

export function slotObject({ name, domain, kind, createdAt }: SlotRef): SlotObject {
  return { name, domain, kind, createdAt: formatTime(Date.parse(createdAt)) };
}

export interface KeystoreDocument {
  kind: 'keystore';
  cluster: string;
  keystore: string;
  keystoreId: string;
  auditKey: string;
  createdAt: string;
  records: number;
  head: string;
  rootElsewhere: boolean;
  policy: Policy;
  authorities: AuthorityObject[];
  crls: CrlObject[];
  slots: SlotObject[];
  certificates: Record<string, number>;
}

/** What a keystore is, from its public parts. */
export async function keystoreDocument(keystore: Keystore, now: Date): Promise<KeystoreDocument> {
  const { state, identity, store } = keystore;
  return {
    kind: 'keystore',
    cluster: state.cluster,
    keystore: store.location,
    keystoreId: identity.id,
    auditKey: auditKeyFingerprint(identity),
    createdAt: formatTime(state.createdAt),
    records: state.seq + 1,
    head: formatHead(state),
    rootElsewhere: identity.rootElsewhere,
    policy: state.policy,
    authorities: state.authorities.map((authority) =>
      authorityObject(authority, now, isDestroyed(state, authority.id)),
    ),
    crls: state.crls.map(crlObject),
    slots: state.slots.map(slotObject),
    certificates: await keystore.query((index) => index.counts(now)),
  };
}
