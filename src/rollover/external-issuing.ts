import { unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { constraintsFor } from '../authority/constraints.ts';
import { makeCaKey } from '../authority/make.ts';
import { loadCrypto } from '../crypto/webcrypto.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { type Answer, externalCa } from '../init/external/answer.ts';
import { type Pending, pendingPath, readPending, writePending } from '../init/external/pending.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { syncDirectory } from '../keystore/directory/durable.ts';
import { sealedName, storeKey } from '../keystore/envelope/sealed-key.ts';
import { isExternal } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { domainEpoch } from '../keystore/log/rewrap.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { makeCaCsr } from '../pki/csr.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { parseCsr } from '../pki/x509/csr.ts';
import { rootInForce } from './make-hierarchy.ts';
import { type PlannedIssuing, planIssuing, recordIssuing, type Widening } from './new-issuing.ts';
import { Staged } from './staged.ts';

// A new issuing CA under the root of another PKI: its key and a request here, its certificate from there. Between the two
// there is a file beside the keystore, as before there was one (`init --external-root`).

/**
 * Makes the next issuing CA's key and its certification request. Again, with the same names and ranges, it is the same.
 * The caller holds the turn among the writers.
 * @returns the request, DER
 * @throws ERR_EXISTS when a request of other names waits; ERR_STATE; ERR_STORAGE
 */
export async function requestRenewal(
  writer: KeystoreWriter,
  widening: Widening,
): Promise<{ plan: PlannedIssuing; csr: Uint8Array }> {
  const { keystore, daily } = writer;
  const { state, identity, store } = keystore;
  const plan = planIssuing(keystore, widening);
  const policy = { ...state.policy, domains: plan.domains, permitIp: plan.permitIp };
  const waits = await waiting(keystore);
  if (waits !== undefined && encodeCanonical(waits.policy) === encodeCanonical(policy))
    return { plan, csr: fromBase64(waits.csr) };
  const staged = new Staged(writer);
  const makeKey = await staged.makerLike(daily, keystore.newestIssuing.sealed);
  const crypto = await loadCrypto();
  const { key, signer } = await makeCaKey({ crypto, keyType: policy.keyType, name: plan.name, makeKey });
  try {
    const csr = await makeCaCsr(plan.name, constraintsFor(plan.domains, plan.permitIp), key.spki, signer);
    const { ref, bytes } = await daily.withMasterKey(async (masterKey) =>
      storeKey(identity.id, { domain: 'daily', epoch: daily.epoch }, masterKey, key),
    );
    const kept = { id: identity.id, cluster: state.cluster, policy, groupRead: identity.groupRead, slots: [] };
    await writePending(store.location, { ...kept, csr: toBase64(csr), key: { ref, file: toBase64(bytes) } });
    return { plan, csr };
  } catch (error) {
    await staged.undo(error);
    throw error;
  } finally {
    if ('pkcs8' in key) key.pkcs8.fill(0);
  }
}

/** The request that waits beside a keystore, for it; one that was completed already is removed. */
async function waiting(keystore: Keystore): Promise<Pending | undefined> {
  try {
    const pending = await readPending(keystore.store.location);
    if (pending.id !== keystore.identity.id || madeOf(keystore, pending) === undefined) return pending;
    await forget(keystore);
    return undefined;
  } catch (error) {
    if (isClusterCaError(error, 'ERR_STATE')) return undefined;
    throw error;
  }
}

/** The request that an answer is to. @throws ERR_STATE where none waits, or that of another keystore */
export async function pendingRenewal(keystore: Keystore): Promise<Pending> {
  const { location } = keystore.store;
  const hint = 'begin with: cluster-ca rollover start --issuing';
  const pending = await readPending(location, hint);
  if (pending.id !== keystore.identity.id)
    throw new ClusterCaError('ERR_STATE', `${pendingPath(location)} waits for another keystore`, { hint });
  return pending;
}

/** The CAs of that PKI that are known: they need not be in an answer. */
export function knownCas(keystore: Keystore): Certificate[] {
  return keystore.state.authorities
    .filter((authority) => isExternal(keystore.state, authority))
    .map(({ id }) => keystore.authorityCertificate(id));
}

/**
 * Records the issuing CA that another PKI has certified, behind the intermediate CAs that are new. The caller holds the turn
 * among the writers.
 * @returns false in `recorded` when it is there already
 * @throws ERR_POLICY when it is under another root; ERR_STATE when its key was made before a rewrap; ERR_LINT; ERR_STORAGE
 */
export async function completeRenewal(
  writer: KeystoreWriter,
  pending: Pending,
  answer: Answer,
  requestId: string,
): Promise<{ plan: PlannedIssuing; recorded: boolean }> {
  const { keystore, daily } = writer;
  const { domains, permitIp, keyType } = pending.policy;
  const there = madeOf(keystore, pending);
  const plan = { ...planIssuing(keystore, {}), domains, permitIp };
  if (there !== undefined) {
    await forget(keystore);
    return { plan: { ...plan, id: there.id }, recorded: false };
  }
  checkRoot(keystore, answer.root);
  const { ref, file } = pending.key;
  if (ref.epoch !== daily.epoch)
    throw new ClusterCaError('ERR_STATE', 'the keystore was given new master keys since the request was made', {
      hint: `its key is lost by that: rm ${pendingPath(keystore.store.location)}, then cluster-ca rollover start --issuing`,
    });
  await recordIntermediates(writer, plan.generation, answer.intermediates, requestId);
  const staged = new Staged(writer);
  try {
    await staged.putBlob('sealed', 'daily', sealedName(ref), fromBase64(file));
    const signer = await daily.signer(ref, keyType);
    const made = { certificate: answer.issuing, signer, sealed: ref, requestId, rootCrl: async () => [] };
    await recordIssuing(writer, { plan, ...made }, staged);
  } catch (error) {
    await staged.undo(error);
    throw error;
  }
  await forget(keystore);
  return { plan, recorded: true };
}

async function recordIntermediates(
  writer: KeystoreWriter,
  generation: number,
  certificates: readonly Certificate[],
  requestId: string,
): Promise<void> {
  const { keystore } = writer;
  const isNew = ({ der }: Certificate): boolean =>
    !keystore.state.authorities.some(({ certificate }) => certificate === toBase64(der));
  const staged = new Staged(writer);
  const epoch = domainEpoch(keystore.state, 'root') ?? 1;
  try {
    await writer.commit('intermediates', requestId, async () => {
      const known = keystore.state.authorities.filter(({ role }) => role === 'intermediate').length;
      const authorities: Authority[] = [];
      for (const certificate of certificates.filter(isNew)) {
        const { key, keyType } = externalCa(certificate);
        const { ref, bytes } = storeKey(keystore.identity.id, { domain: 'root', epoch }, new Uint8Array(32), key);
        await staged.putBlob('sealed', 'root', sealedName(ref), bytes);
        const id = `intermediate-g${generation}.${known + authorities.length + 1}`;
        const der = toBase64(certificate.der);
        authorities.push({ id, role: 'intermediate', generation, keyType, certificate: der, sealed: ref });
      }
      return authorities.length === 0 ? undefined : { authorities };
    });
  } catch (error) {
    await staged.undo(error);
    throw error;
  }
}

/** Nodes trust the root that there is: an issuing CA under another one would be refused by all of them. */
function checkRoot(keystore: Keystore, root: Certificate): void {
  const { id } = rootInForce(keystore);
  if (equalBytes(root.publicKey.der, keystore.authorityCertificate(id).publicKey.der)) return;
  throw new ClusterCaError('ERR_POLICY', `the certificate is under another root than ${id}, which no node trusts`, {
    hint: 'have it signed under the same root; for another one: a keystore under it (cluster-ca init --external-root), and there cluster-ca rollover start --from-anchor OLD-ROOT',
  });
}

/** The issuing CA that came of a request. */
function madeOf(keystore: Keystore, { csr }: Pending): Authority | undefined {
  const { der } = parseCsr(fromBase64(csr)).publicKey;
  return keystore.state.authorities.find(({ id }) => equalBytes(keystore.authorityCertificate(id).publicKey.der, der));
}

async function forget({ store }: Keystore): Promise<void> {
  const path = pendingPath(store.location);
  await unlink(path).catch(() => {});
  await syncDirectory(dirname(path));
}
