import { constraintsFor } from '../authority/constraints.ts';
import { certifyAuditKey, crossCertify, makeIssuing, makeRoot } from '../authority/make.ts';
import { auditName, issuingName, rootName } from '../authority/names.ts';
import { type SignedCrl, signCrl } from '../authority/sign-crl.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { tampered } from '../keystore/canonical.ts';
import { ownRoot } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority, Policy } from '../keystore/log/bodies.ts';
import type { RolloverStart } from '../keystore/log/rollover.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import type { Signer } from '../pki/signer.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { lookAgain } from './second-look.ts';
import type { Staged } from './staged.ts';

/** A CA as a record brings it, and its CRL. */
export interface MadeHierarchy {
  start: RolloverStart;
  crls: SignedCrl[];
}

/** The root that a start replaces. @throws ERR_KEYSTORE_TAMPERED when there is none */
export function rootInForce({ state }: Keystore): Authority {
  const root = ownRoot(state);
  if (root === undefined) throw tampered('the log has no root CA');
  return root;
}

/**
 * Makes a new root and its issuing CA, seals their keys, certifies the audit key and, by the old root, the new root's
 * key, signs their first CRLs, and has everything looked at again. Nothing is recorded.
 * @param staged is told of what no record names yet
 */
export async function makeHierarchy(
  writer: KeystoreWriter,
  rootDomain: UnlockedDomain,
  staged: Staged,
): Promise<MadeHierarchy> {
  const { keystore } = writer;
  const { state } = keystore;
  const { policy, cluster } = state;
  const now = new Date(Math.max(writer.options.now().getTime(), state.time));
  const crypto = await loadCrypto();
  const generation = 1 + Math.max(...state.authorities.map((one) => one.generation));
  const options = { crypto, now, keyType: policy.keyType };
  const old = rootInForce(keystore);
  const oldRoot = {
    certificate: keystore.authorityCertificate(old.id),
    signer: await rootDomain.signer(old.sealed, old.keyType),
  };
  const name = rootName(cluster, generation);
  const makeKey = await staged.makerLike(rootDomain, old.sealed);
  const root = await makeRoot({ ...options, name, lifetime: policy.rootLifetime, makeKey });
  const issuing = await makeIssuing(
    {
      ...options,
      name: issuingName(cluster, generation, 1),
      lifetime: policy.issuingLifetime,
      makeKey: await staged.makerLike(writer.daily, keystore.newestIssuing.sealed),
    },
    root,
    constraintsFor(policy.domains, policy.permitIp),
  );
  try {
    const newWithOld = await crossCertify({ crypto, now, name }, root, oldRoot);
    const audit = await certifyAuditKey(
      { crypto, now, name: auditName(cluster, generation), lifetime: policy.rootLifetime },
      { spki: fromBase64(keystore.identity.auditKey) },
      root,
    );
    lookAgain(
      {
        root: root.certificate.der,
        issuing: issuing.certificate.der,
        newWithOld: newWithOld.der,
        old: oldRoot.certificate.der,
      },
      now,
    );
    const made = async (role: Authority['role'], ca: typeof root, domain: UnlockedDomain): Promise<Authority> => ({
      id: role === 'root' ? `root-g${generation}` : `issuing-g${generation}.1`,
      role,
      generation,
      keyType: policy.keyType,
      certificate: toBase64(ca.certificate.der),
      sealed: await staged.seal(domain, ca.key),
    });
    const authorities = [await made('root', root, rootDomain), await made('issuing', issuing, writer.daily)];
    const crls = [
      await firstCrl(policy, authorities[1] as Authority, issuing, now),
      await firstCrl(policy, authorities[0] as Authority, root, now, issuing.certificate.notAfter),
    ];
    for (const crl of crls) await staged.putObject(crl.ref.sha256, crl.der);
    const certificates = { newWithOld: toBase64(newWithOld.der), auditCertificate: toBase64(audit.der) };
    return { start: { form: 'root', authorities, ...certificates }, crls };
  } finally {
    for (const { key } of [root, issuing]) if ('pkcs8' in key) key.pkcs8.fill(0);
  }
}

/** The first CRL of a new CA: a root's holds as long as the issuing CA below it. */
export async function firstCrl(
  policy: Policy,
  { id, role }: Authority,
  { certificate, signer }: { certificate: Certificate; signer: Signer },
  now: Date,
  until?: number,
): Promise<SignedCrl> {
  const lifetime = until === undefined ? policy.crlLifetime : Math.floor((until - now.getTime()) / 1000);
  const url = role === 'issuing' ? policy.crlUrl : undefined;
  return signCrl({ authority: id, issuer: certificate, signer, revoked: [], now, lifetime, url });
}
