import { constraintsFor } from '../authority/constraints.ts';
import { makeIssuing } from '../authority/make.ts';
import { issuingName } from '../authority/names.ts';
import { chainHolds } from '../crypto/independent-chain.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { checkDomain, permittedRanges } from '../init/policy.ts';
import { inProgress, phaseOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority, CrlRef, Policy } from '../keystore/log/bodies.ts';
import type { UnlockedDomain } from '../keystore/unlock.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { toBase64 } from '../pki/encoding.ts';
import { dropReplaced, signNextCrl } from '../revocation/renew-crls.ts';
import { firstCrl, rootInForce } from './make-hierarchy.ts';
import { Staged } from './staged.ts';

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
  return {
    id: `issuing-g${generation}.${number}`,
    generation,
    number,
    subject: `CN=${issuingName(state.cluster, generation, number)}`,
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
  const { policy, cluster, time } = keystore.state;
  const now = new Date(Math.max(writer.options.now().getTime(), time));
  const plan = planIssuing(keystore, widening);
  const of = rootInForce(keystore);
  const signing = {
    certificate: keystore.authorityCertificate(of.id),
    signer: await root.signer(of.sealed, of.keyType),
  };
  const crypto = await loadCrypto();
  const { generation, number, domains, permitIp } = plan;
  const name = issuingName(cluster, generation, number);
  const staged = new Staged(writer);
  const makeKey = await staged.makerLike(writer.daily, keystore.newestIssuing.sealed);
  const made = await makeIssuing(
    { crypto, now, name, keyType: policy.keyType, lifetime: policy.issuingLifetime, makeKey },
    signing,
    constraintsFor(domains, permitIp),
  );
  if (!chainHolds([made.certificate.der, signing.certificate.der]))
    throw new ClusterCaError('ERR_LINT', `OpenSSL finds no path from ${plan.id} to ${of.id}`);
  const before = keystore.state.crls;
  try {
    const authority: Authority = {
      id: plan.id,
      role: 'issuing',
      generation,
      keyType: policy.keyType,
      certificate: toBase64(made.certificate.der),
      sealed: await staged.seal(writer.daily, made.key),
    };
    const crl = await firstCrl(policy, authority, made, now);
    await staged.putObject(crl.ref.sha256, crl.der);
    await writer.commit('issuing', requestId, async () => {
      if (planIssuing(keystore, widening).id !== plan.id)
        throw new ClusterCaError('ERR_STATE', `${plan.id} was made by somebody else meanwhile`, {
          hint: 'cluster-ca status shows it',
        });
      return {
        authority,
        crls: [crl.ref, ...(await longerRootCrl(writer, of, root, made.certificate.notAfter))],
        domains,
        permitIp,
      };
    });
  } catch (error) {
    await staged.undo(error);
    throw error;
  } finally {
    if ('pkcs8' in made.key) made.key.pkcs8.fill(0);
  }
  await dropReplaced(writer, before);
  return plan;
}

/** A server that checks CRLs wants the root's for as long as there is an issuing CA below it. */
async function longerRootCrl(
  writer: KeystoreWriter,
  root: Authority,
  domain: UnlockedDomain,
  until: number,
): Promise<CrlRef[]> {
  const last = writer.keystore.state.crls.find(({ authority }) => authority === root.id);
  if (last !== undefined && Date.parse(last.nextUpdate) >= until) return [];
  const lifetime = Math.floor((until - writer.options.now().getTime()) / 1000);
  return [(await signNextCrl(writer, root, domain, { lifetime })).ref];
}
