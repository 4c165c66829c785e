import { makeCaKey } from '../authority/make.ts';
import { issuingName } from '../authority/names.ts';
import type { SignedCrl } from '../authority/sign-crl.ts';
import { loadCrypto, randomFrom } from '../crypto/webcrypto.ts';
import { ClusterCaError } from '../errors.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { sealedName } from '../keystore/envelope/sealed-key.ts';
import { isDestroyed } from '../keystore/hierarchy.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toBase64, toHex } from '../pki/encoding.ts';
import { newSerial } from '../pki/serial.ts';
import type { Signer } from '../pki/signer.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { putCrl } from '../revocation/renew-crls.ts';
import { firstCrl, type MadeHierarchy, rootInForce } from '../rollover/make-hierarchy.ts';
import {
  issuingTime,
  type PlannedIssuing,
  planIssuing,
  recordIssuing,
  rootCrlHolds,
  type Widening,
} from '../rollover/new-issuing.ts';
import { lookAgain } from '../rollover/second-look.ts';
import { Staged } from '../rollover/staged.ts';
import { type Answered, answeredCertificates, answeredCrl, answeredFirstCrl, isNewCrl } from './accept.ts';
import type { NewCa } from './documents.ts';
import { type Asked, askForCrl } from './request.ts';

// A new issuing CA, or a new root with one, whose root is on another machine. The issuing CA's key is made here, when it is
// asked for, and stays: sealed, and named by no record before the answer is there.

/** What a request is made of, and how to take its key back when it cannot be written. */
export interface AskedForCa {
  asked: Asked;
  at: Date;
  undo: (error: unknown) => Promise<void>;
}

/** Asks the root for a new issuing CA under it, and for its CRL where that would end before. */
export async function askForIssuing(writer: KeystoreWriter, widening: Widening): Promise<AskedForCa> {
  const { keystore } = writer;
  const plan = planIssuing(keystore, widening);
  const authority = rootInForce(keystore);
  const at = issuingTime(writer);
  const { ca, undo } = await newCa(writer, plan, 1);
  const until = Math.min(
    at.getTime() + 1000 * ca.issuingLifetime,
    keystore.authorityCertificate(authority.id).notAfter,
  );
  const lifetime = Math.floor((until - at.getTime()) / 1000);
  const crl = rootCrlHolds(keystore, authority, until) ? {} : await askForCrl(writer, 'crl', authority, lifetime);
  return { asked: { ...crl, type: 'issuing', authority, ca }, at, undo };
}

/** Asks for a new root, whose key is made there, its issuing CA, whose key is made here, and what vouches for both. */
export async function askForRoot(writer: KeystoreWriter): Promise<AskedForCa> {
  const { keystore } = writer;
  const { policy, authorities } = keystore.state;
  const generation = 1 + Math.max(...authorities.map((one) => one.generation));
  const plan = { generation, number: 1, domains: policy.domains, permitIp: policy.permitIp };
  const { ca, undo } = await newCa(writer, plan, 4);
  return { asked: { type: 'root', authority: rootInForce(keystore), ca }, at: issuingTime(writer), undo };
}

async function newCa(
  writer: KeystoreWriter,
  { generation, number, domains, permitIp }: Pick<PlannedIssuing, 'generation' | 'number' | 'domains' | 'permitIp'>,
  serials: number,
): Promise<{ ca: NewCa; undo: AskedForCa['undo'] }> {
  const { keystore } = writer;
  const { keyType, rootLifetime, issuingLifetime } = keystore.state.policy;
  const crypto = await loadCrypto();
  const staged = new Staged(writer);
  const makeKey = await staged.makerLike(writer.daily, keystore.newestIssuing.sealed);
  const name = issuingName(keystore.state.cluster, generation, number);
  const { key } = await makeCaKey({ crypto, keyType, name, makeKey });
  try {
    const sealed = await staged.seal(writer.daily, key);
    const numbers = Array.from({ length: serials }, () => toHex(newSerial(randomFrom(crypto))));
    const spki = toBase64(key.spki);
    const lifetimes = { rootLifetime, issuingLifetime };
    const ca = { generation, number, keyType, ...lifetimes, domains, permitIp, serials: numbers, spki, sealed };
    return { ca, undo: (error) => staged.undo(error) };
  } catch (error) {
    await staged.undo(error);
    throw error;
  } finally {
    if ('pkcs8' in key) key.pkcs8.fill(0);
  }
}

/**
 * Records the issuing CA that a root on another machine has signed. The caller holds the turn among the writers.
 * @returns false when it is recorded already
 * @throws ERR_STATE when the log has gone on since it was asked for; ERR_POLICY
 */
export async function acceptIssuing(writer: KeystoreWriter, answered: Answered): Promise<boolean> {
  const { keystore } = writer;
  const ca = newCaOf(answered);
  const [certificate] = (await answeredCertificates(keystore, answered)) as [Certificate];
  const id = `issuing-g${ca.generation}.${ca.number}`;
  if (isRecorded(writer, id, certificate)) return false;
  const plan = planIssuing(keystore, {});
  if (plan.id !== id) throw goneOn('cluster-ca rollover start --issuing');
  const signer = await keyOfRequest(writer, ca);
  const staged = new Staged(writer);
  const rootCrl = async () => {
    const root = rootInForce(keystore);
    if (rootCrlHolds(keystore, root, certificate.notAfter)) return [];
    if (answered.request.tbs === undefined) throw goneOn('cluster-ca rollover start --issuing');
    const signed = answeredCrl(keystore, answered);
    await isNewCrl(keystore, signed, writer.options.now(), 'cluster-ca rollover start --issuing');
    await putCrl(writer, signed);
    return [signed.ref];
  };
  const { domains, permitIp } = ca;
  const made = { certificate, signer, sealed: ca.sealed, rootCrl, requestId: newRequestId() };
  try {
    await recordIssuing(writer, { plan: { ...plan, domains, permitIp }, ...made }, staged);
  } catch (error) {
    await staged.undo(error);
    throw error;
  }
  return true;
}

/** The hierarchy that a root on another machine has made, looked at again (G1), for the record that starts a rollover. */
export async function acceptedHierarchy(
  writer: KeystoreWriter,
  answered: Answered,
  staged: Staged,
): Promise<MadeHierarchy> {
  const { keystore } = writer;
  const { policy, cluster } = keystore.state;
  const { request, answer } = answered;
  const ca = newCaOf(answered);
  const certificates = await answeredCertificates(keystore, answered);
  const [root, issuing, newWithOld, audit] = certificates as [Certificate, Certificate, Certificate, Certificate];
  const old = rootInForce(keystore);
  const asked = encodeCanonical({ domains: ca.domains, permitIp: ca.permitIp });
  if (
    old.id !== request.authority.id ||
    asked !== encodeCanonical({ domains: policy.domains, permitIp: policy.permitIp })
  )
    throw goneOn('cluster-ca rollover start');
  const { sealed } = answer;
  if (sealed === undefined || sealed.domain !== 'root')
    throw new ClusterCaError('ERR_POLICY', `${cluster}'s new root has no key on the medium`);
  const signer = await keyOfRequest(writer, ca);
  const now = issuingTime(writer);
  const old509 = keystore.authorityCertificate(old.id);
  lookAgain({ root: root.der, issuing: issuing.der, newWithOld: newWithOld.der, old: old509.der }, now);
  const entry = (role: Authority['role'], of: Certificate, where: Authority['sealed']): Authority => ({
    id: role === 'root' ? `root-g${ca.generation}` : `issuing-g${ca.generation}.${ca.number}`,
    role,
    generation: ca.generation,
    keyType: ca.keyType,
    certificate: toBase64(of.der),
    sealed: where,
  });
  const authorities = [entry('root', root, sealed), entry('issuing', issuing, ca.sealed)];
  const crls: SignedCrl[] = [
    await firstCrl(policy, authorities[1] as Authority, { certificate: issuing, signer }, now),
    answeredFirstCrl(answered, certificates),
  ];
  for (const crl of crls) await staged.putObject(crl.ref.sha256, crl.der);
  const vouching = { newWithOld: toBase64(newWithOld.der), auditCertificate: toBase64(audit.der) };
  return { start: { form: 'root', authorities, ...vouching }, crls };
}

/** Whether a new root was recorded already by an answer to the same request. @throws ERR_STATE when another has its place */
export async function isRootRecorded(writer: KeystoreWriter, answered: Answered): Promise<boolean> {
  const { generation } = newCaOf(answered);
  const [root] = (await answeredCertificates(writer.keystore, answered)) as [Certificate];
  return isRecorded(writer, `root-g${generation}`, root);
}

function isRecorded({ keystore }: KeystoreWriter, id: string, certificate: Certificate): boolean {
  if (keystore.authority(id) === undefined) return false;
  if (isDestroyed(keystore.state, id))
    throw new ClusterCaError('ERR_STATE', `the key of ${id} was destroyed: what this answer began is over`, {
      hint: 'cluster-ca rollover start --request FILE begins another',
    });
  if (equalBytes(keystore.authorityCertificate(id).tbs, certificate.tbs)) return true;
  throw new ClusterCaError('ERR_STATE', `${id} is there already, and is another than this`, {
    hint: 'cluster-ca status shows it; nothing of this answer is needed',
  });
}

function newCaOf({ request }: Answered): NewCa {
  if (request.ca === undefined) throw new ClusterCaError('ERR_CONFIG', 'the request asks for no CA');
  return request.ca;
}

/** The key that was made with the request. @throws ERR_STATE when it is gone */
async function keyOfRequest({ keystore, daily }: KeystoreWriter, ca: NewCa): Promise<Signer> {
  const there = await keystore.store.readBlob('sealed', sealedName(ca.sealed));
  if (there !== undefined && ca.sealed.epoch === daily.epoch) return daily.signer(ca.sealed, ca.keyType);
  throw new ClusterCaError('ERR_STATE', 'the key that this request was made for is not here any more', {
    hint: 'a rewrap, another start or a restore came between: make another request with --request FILE',
  });
}

function goneOn(command: string): ClusterCaError {
  return new ClusterCaError('ERR_STATE', 'the log has gone on since the request was made', {
    hint: `make another: ${command} --request FILE`,
  });
}
