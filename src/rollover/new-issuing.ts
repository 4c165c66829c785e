import { constraintsFor } from '../authority/constraints.ts';
import { makeIssuing } from '../authority/make.ts';
import { issuingName } from '../authority/names.ts';
import { chainHolds } from '../crypto/independent-chain.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { checkDomain, permittedRanges } from '../init/policy.ts';
import { inProgress, intermediatesAbove, phaseOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority, CrlRef, Policy, SealedKeyRef } from '../keystore/log/bodies.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toBase64 } from '../pki/encoding.ts';
import type { Signer } from '../pki/signer.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { dropReplaced, signNextCrl } from '../revocation/renew-crls.ts';
import { firstCrl, rootInForce } from './make-hierarchy.ts';
import { forgetNotes, Staged } from './staged.ts';

/** Names and ranges that a new issuing CA permits besides those of before. */
export interface Widening {
  domains?: readonly string[] | undefined;
  /** CIDR; `none` alone: no address any more. */
  permitIp?: readonly string[] | undefined;
}

/** What the next issuing CA would be. */
export interface PlannedIssuing {
  id: string;
  generation: number;
  /** Of its generation. */
  number: number;
  /** Its common name. */
  name: string;
  subject: string;
  domains: string[];
  permitIp: string[];
}

/**
 * The next issuing CA under the root in force.
 * @throws ERR_STATE during a rollover; ERR_USAGE for what is no domain or range
 */
export function planIssuing(keystore: Keystore, widening: Widening): PlannedIssuing {
  const { state } = keystore;
  if (inProgress(state))
    throw new ClusterCaError('ERR_STATE', `a rollover is in progress: it is in the phase ${phaseOf(state)}`, {
      hint: 'finish it first: cluster-ca rollover status says what stands in the way',
    });
  const { generation } = rootInForce(keystore);
  const before = state.authorities.filter((one) => one.role === 'issuing' && one.generation === generation);
  const number = before.length + 1;
  const name = issuingName(state.cluster, generation, number);
  return {
    id: `issuing-g${generation}.${number}`,
    generation,
    number,
    name,
    subject: `CN=${name}`,
    domains: [...new Set([...state.policy.domains, ...(widening.domains ?? []).map(checkDomain)])],
    permitIp: widened(state.policy, widening.permitIp),
  };
}

/** Those of before and the given ones; where none was permitted, as `init` would have it. */
function widened({ permitIp }: Policy, given: readonly string[] | undefined): string[] {
  if (given === undefined) return permitIp;
  const ranges = permittedRanges([...given]);
  return ranges.length === 0 ? [] : [...new Set([...permitIp, ...ranges])];
}

/**
 * Makes a new issuing CA under the root in force, and its CRL, in one record: it signs whatever is issued from then on.
 * The root's CRL is signed anew where it would end before the new CA does. The caller holds the turn among the writers.
 * @param root the root domain, open
 * @throws ERR_STATE, ERR_USAGE, ERR_LINT, ERR_STORAGE
 */
export async function startIssuing(
  writer: KeystoreWriter,
  root: UnlockedDomain,
  widening: Widening,
  requestId: string,
): Promise<PlannedIssuing> {
  const { keystore } = writer;
  const { policy } = keystore.state;
  const now = issuingTime(writer);
  const plan = planIssuing(keystore, widening);
  const of = rootInForce(keystore);
  const signing = {
    certificate: keystore.authorityCertificate(of.id),
    signer: await root.signer(of.sealed, of.keyType),
  };
  const crypto = await loadCrypto();
  const staged = new Staged(writer);
  const makeKey = await staged.makerLike(writer.daily, keystore.newestIssuing.sealed);
  const { key, ...made } = await makeIssuing(
    { crypto, now, name: plan.name, keyType: policy.keyType, lifetime: policy.issuingLifetime, makeKey },
    signing,
    constraintsFor(plan.domains, plan.permitIp),
  );
  try {
    const sealed = await staged.seal(writer.daily, key);
    const rootCrl = () => longerRootCrl(writer, of, root, made.certificate.notAfter);
    await recordIssuing(writer, { plan, requestId, sealed, rootCrl, ...made }, staged);
  } catch (error) {
    await staged.undo(error);
    throw error;
  } finally {
    if ('pkcs8' in key) key.pkcs8.fill(0);
  }
  return plan;
}

/** When a new issuing CA is made: never before the last record. */
export function issuingTime({ keystore, options }: KeystoreWriter): Date {
  return new Date(Math.max(options.now().getTime(), keystore.state.time));
}

/** A new issuing CA that has its certificate, whoever signed it. */
export interface IssuingToRecord {
  plan: PlannedIssuing;
  requestId: string;
  certificate: Certificate;
  signer: Signer;
  /** Its key's file, which is there. */
  sealed: SealedKeyRef;
  /** The root's next CRL, where its last would end too soon; asked for again on every newer log. */
  rootCrl: () => Promise<CrlRef[]>;
}

/** Records it, with its first CRL. @throws ERR_STATE, ERR_LINT, ERR_STORAGE */
export async function recordIssuing(
  writer: KeystoreWriter,
  { plan, requestId, certificate, signer, sealed, rootCrl }: IssuingToRecord,
  staged: Staged,
): Promise<void> {
  const { keystore } = writer;
  const { policy, crls: before } = keystore.state;
  const { id, generation, domains, permitIp } = plan;
  const of = rootInForce(keystore);
  const keyType = signer.keyType;
  const authority: Authority = {
    id,
    role: 'issuing',
    generation,
    keyType,
    certificate: toBase64(certificate.der),
    sealed,
  };
  const above = [...intermediatesAbove(keystore.state, authority), of];
  if (!chainHolds([certificate.der, ...above.map((one) => keystore.authorityCertificate(one.id).der)]))
    throw new ClusterCaError('ERR_LINT', `OpenSSL finds no path from ${id} to ${of.id}`);
  const crl = await firstCrl(policy, authority, { certificate, signer }, issuingTime(writer));
  await staged.putObject(crl.ref.sha256, crl.der);
  await writer.commit('issuing', requestId, async () => {
    if (planIssuing(keystore, {}).id !== id)
      throw new ClusterCaError('ERR_STATE', `${id} was made by somebody else meanwhile`, {
        hint: 'cluster-ca status shows it',
      });
    return { authority, crls: [crl.ref, ...(await rootCrl())], domains, permitIp };
  });
  await forgetNotes(writer, [authority]);
  await dropReplaced(writer, before);
}

/** Whether the root's CRL holds as long as an issuing CA below it: a server that checks CRLs wants that. */
export function rootCrlHolds({ state }: Keystore, root: Authority, until: number): boolean {
  const last = state.crls.find(({ authority }) => authority === root.id);
  return last !== undefined && Date.parse(last.nextUpdate) >= until;
}

async function longerRootCrl(
  writer: KeystoreWriter,
  root: Authority,
  domain: UnlockedDomain,
  until: number,
): Promise<CrlRef[]> {
  if (rootCrlHolds(writer.keystore, root, until)) return [];
  const lifetime = Math.floor((until - writer.options.now().getTime()) / 1000);
  return [(await signNextCrl(writer, root, domain, { lifetime })).ref];
}
