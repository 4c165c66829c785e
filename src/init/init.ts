import { type AuthorityObject, authorityObject } from '../authority/authority-object.ts';
import { constraintsFor } from '../authority/constraints.ts';
import { type KeyMaker, type MadeAuthority, makeAuditKey, makeIssuing, makeRoot } from '../authority/make.ts';
import { auditName, issuingName, rootName } from '../authority/names.ts';
import { type SignedCrl, signCrl } from '../authority/sign-crl.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { writeAnchor } from '../keystore/anchor.ts';
import { createKeystore } from '../keystore/create.ts';
import { DirectoryStore } from '../keystore/directory/directory-store.ts';
import type { ExternalKey } from '../keystore/envelope/external-key.ts';
import type { Secret } from '../keystore/envelope/slot.ts';
import { auditKeyFingerprint } from '../keystore/identity.ts';
import { Keystore } from '../keystore/keystore.ts';
import type { Authority, Bodies, Policy, Role, SealedKeyRef, SlotRef } from '../keystore/log/bodies.ts';
import { writePublic } from '../keystore/public.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { actor } from '../keystore/writer.ts';
import { toBase64 } from '../pki/encoding.ts';
import type { GeneratedKey } from '../pki/key.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { ToleratedOutage } from './outage.ts';

export interface InitRequest {
  cluster: string;
  policy: Policy;
  location: string;
  rootLocation: string | undefined;
  groupRead: boolean;
  /** What opens the daily domain, and what opens the root domain. */
  secrets: { daily: Secret[]; root: Secret[] };
  anchors: string | undefined;
  now: Date;
  warn: (message: string) => void;
  /** Where the keys of the CAs are made, where they are not to be sealed: in a token. */
  makers?: { root?: KeyMaker | undefined; issuing?: KeyMaker | undefined } | undefined;
}

export interface InitDocument {
  cluster: string;
  keystore: string;
  keystoreId?: string;
  auditKey?: string;
  authorities: Partial<AuthorityObject>[];
  policy: Policy;
  /** The CAs above the issuing one are another PKI's. */
  external?: boolean;
  /** Where --tolerate-ca-outage asked for it: what the lifetimes tolerate, and why. */
  caOutage?: ToleratedOutage;
}

export const ROOT = 'root-g1';
export const ISSUING = 'issuing-g1.1';

/** What `init` would make, without a serial, a key or a byte written. */
export function planInit(request: Pick<InitRequest, 'cluster' | 'policy' | 'location'>): InitDocument {
  const { cluster, policy, location } = request;
  const authority = (id: string, role: Role, name: string): Partial<AuthorityObject> => ({
    id,
    role,
    generation: 1,
    subject: `CN=${name}`,
    keyType: policy.keyType,
  });
  return {
    cluster,
    keystore: location,
    authorities: [
      authority(ROOT, 'root', rootName(cluster, 1)),
      authority(ISSUING, 'issuing', issuingName(cluster, 1, 1)),
    ],
    policy,
  };
}

/**
 * Makes a keystore: root CA, issuing CA, audit key, their CRLs, one slot for each secret in each domain.
 * @throws ERR_EXISTS, ERR_STORAGE
 */
export async function init(request: InitRequest): Promise<InitDocument> {
  const { cluster, policy, now } = request;
  const crypto = await loadCrypto();
  const common = { crypto, now, keyType: policy.keyType };
  const root = await makeRoot({
    ...common,
    name: rootName(cluster, 1),
    lifetime: policy.rootLifetime,
    makeKey: request.makers?.root,
  });
  const issuing = await makeIssuing(
    {
      ...common,
      name: issuingName(cluster, 1, 1),
      lifetime: policy.issuingLifetime,
      makeKey: request.makers?.issuing,
    },
    root,
    constraintsFor(policy.domains, policy.permitIp),
  );
  const audit = await makeAuditKey({ crypto, now, name: auditName(cluster, 1), lifetime: policy.rootLifetime }, root);
  const untilIssuingEnds = Math.floor((issuing.certificate.notAfter - now.getTime()) / 1000);
  const crls = [
    await signCrl({
      authority: ISSUING,
      issuer: issuing.certificate,
      signer: issuing.signer,
      revoked: [],
      now,
      lifetime: policy.crlLifetime,
      url: policy.crlUrl,
    }),
    await signCrl({
      authority: ROOT,
      issuer: root.certificate,
      signer: root.signer,
      revoked: [],
      now,
      lifetime: untilIssuingEnds,
    }),
  ];
  return found(request, { root: { ...root, keyType: policy.keyType }, issuing, audit, crls });
}

/** What record 0 of a keystore brings. */
export interface Hierarchy {
  /** `key`: of a root that is another PKI's, its public half. */
  root: { certificate: Certificate; key: MadeAuthority['key'] | ExternalKey; keyType: KeyType };
  issuing: Pick<MadeAuthority, 'certificate' | 'key'>;
  /** Of another PKI, between its root and the issuing CA, the nearest to that first. */
  intermediates?: { certificate: Certificate; key: ExternalKey; keyType: KeyType }[];
  audit: MadeAuthority<GeneratedKey>;
  crls: SignedCrl[];
}

/** Makes the keystore over CAs that are made, and opens it as every later command will. @throws ERR_EXISTS, ERR_STORAGE */
export async function found(
  request: InitRequest,
  { root, issuing, intermediates = [], audit, crls }: Hierarchy,
): Promise<InitDocument> {
  const { cluster, policy, now } = request;
  const between = intermediates.map((one, i) => ({ ...one, id: `intermediate-g1.${i + 1}` }));
  const body = (sealed: Map<string, SealedKeyRef>, auditRef: SealedKeyRef, slots: SlotRef[]): Bodies['init'] => {
    const entry = (id: string, role: Authority['role'], der: Uint8Array, keyType = policy.keyType): Authority => ({
      id,
      role,
      generation: 1,
      keyType,
      certificate: toBase64(der),
      sealed: sealed.get(id) as SealedKeyRef,
    });
    return {
      cluster,
      policy,
      authorities: [
        entry(ROOT, 'root', root.certificate.der, root.keyType),
        ...between.map(({ id, certificate, keyType }) => entry(id, 'intermediate', certificate.der, keyType)),
        entry(ISSUING, 'issuing', issuing.certificate.der),
      ],
      audit: { certificate: toBase64(audit.certificate.der), sealed: auditRef },
      slots,
      crls: crls.map(({ ref }) => ref),
    };
  };
  const named = (secrets: Secret[]) => secrets.map((secret) => ({ name: secret.kind as string, secret }));
  await createKeystore({
    location: request.location,
    rootLocation: request.rootLocation,
    groupRead: request.groupRead,
    now,
    actor: actor(),
    requestId: newRequestId(),
    secrets: { daily: named(request.secrets.daily), root: named(request.secrets.root) },
    auditKey: audit.key,
    auditSigner: audit.signer,
    keys: [
      { id: ROOT, domain: 'root', key: root.key },
      ...between.map(({ id, key }) => ({ id, domain: 'root' as const, key })),
      { id: ISSUING, domain: 'daily', key: issuing.key },
    ],
    body,
    objects: crls.map(({ der }) => ({ sha256: sha256Hex(der), der })),
  });
  for (const { key } of [root, issuing, audit]) if ('pkcs8' in key) key.pkcs8.fill(0);
  return opened(request);
}

/** Opens what was made, as every later command will, and writes what is derived. */
async function opened(request: InitRequest): Promise<InitDocument> {
  const { location, now, anchors } = request;
  const store = new DirectoryStore(location, { groupRead: request.groupRead });
  const keystore = await Keystore.open(store, { anchors });
  const { seq, head } = keystore.state;
  const warning = await writeAnchor(anchors, keystore.identity.id, { seq, head });
  if (warning !== undefined) request.warn(warning);
  await writePublic(keystore, now);
  return {
    cluster: keystore.state.cluster,
    keystore: location,
    keystoreId: keystore.identity.id,
    auditKey: auditKeyFingerprint(keystore.identity),
    authorities: keystore.state.authorities.map((authority) => authorityObject(authority, now)),
    policy: keystore.state.policy,
  };
}
