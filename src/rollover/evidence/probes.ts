import { constraintsFor } from '../../authority/constraints.ts';
import { makeIssuing, makeRoot, signTemplate } from '../../authority/make.ts';
import { randomBytes, sha256 } from '../../crypto/hash.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import type { ClientCertificate } from '../../endpoint/handshake.ts';
import { ClusterCaError } from '../../errors.ts';
import {
  agentProbeName,
  certifyProbe,
  issueProbe,
  listenerName,
  listenerProbe,
  PROBE,
  probeValidity,
} from '../../issuance/probe.ts';
import { type SignedItem, templateOf } from '../../issuance/template.ts';
import { issuerOf } from '../../keystore/hierarchy.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { toHex } from '../../pki/encoding.ts';
import { generateKey } from '../../pki/key.ts';
import { encodePem } from '../../pki/pem.ts';
import { newSerial } from '../../pki/serial.ts';

/** Certificates to ask services with; their keys are in memory alone. They differ in nothing but their issuer. */
export interface Probes {
  /** Absent where no key of that side is ours. */
  old?: ClientCertificate;
  new?: ClientCertificate;
  /** Of a CA that was made for this, and that nobody has heard of. */
  stranger: ClientCertificate;
  /** What an end of ours shows to a service that is made to connect to it. */
  listener?: ListenerProbes;
  /** Sessions that the old CA's probe began, by service: once it is refused, they must not be resumed either. */
  sessions?: Map<string, Uint8Array>;
}

/** Certificates for serverAuth alone, under names that no node has; they differ in nothing but their issuer. */
export interface ListenerProbes {
  old?: ClientCertificate;
  new?: ClientCertificate;
  stranger: ClientCertificate;
  /** The same in every run: what a configuration can name. */
  name: string;
  /** Of this run alone: who asks for it was told it by us. */
  ownName: string;
}

/**
 * Makes them; those of the two roots are in the log like any certificate.
 * @param listener those of an end of ours as well
 * @throws as issueProbe
 */
export async function makeProbes(writer: KeystoreWriter, wait: number, listener: boolean): Promise<Probes> {
  const probes: Probes = { ...(await makeThree(writer, wait, PROBE)), sessions: new Map() };
  if (!listener) return probes;
  const names = listenerNames(writer);
  probes.listener = { ...(await makeThree(writer, wait, listenerProbe(Object.values(names)))), ...names };
  return probes;
}

export function forgetProbes({ old, new: fresh, stranger, listener, sessions }: Probes): void {
  for (const session of sessions?.values() ?? []) session.fill(0);
  sessions?.clear();
  for (const probe of [old, fresh, stranger, listener?.old, listener?.new, listener?.stranger]) probe?.key.fill(0);
}

async function makeThree(writer: KeystoreWriter, wait: number, item: SignedItem) {
  const three: Pick<Probes, 'old' | 'new' | 'stranger'> = { stranger: await strangersProbe(writer, item) };
  for (const side of ['old', 'new'] as const)
    if (issuerOf(writer.keystore.state, side) !== undefined) three[side] = await issueProbe(writer, wait, side, item);
  return three;
}

function listenerNames(writer: KeystoreWriter): Pick<ListenerProbes, 'name' | 'ownName'> {
  const name = listenerName(writer.keystore.state.policy);
  return { name, ownName: `${toHex(randomBytes(8))}.${name}` };
}

async function strangersProbe(writer: KeystoreWriter, item: SignedItem): Promise<ClientCertificate> {
  const key = await generateKey(await loadCrypto(), PROBE.keyType);
  const pem = encodePem('PRIVATE KEY', key.pkcs8);
  key.pkcs8.fill(0);
  const encoder = new TextEncoder();
  return { cert: encoder.encode(await strangersChain(writer, key.spki, item)), key: encoder.encode(pem) };
}

/** Chains for one key of somebody else's, PEM: they differ in nothing but their issuer. */
export interface ProbeChains {
  old?: string;
  new?: string;
  stranger: string;
}

/** The same of an end of ours. */
export interface ListenerChains extends ProbeChains {
  name: string;
  ownName: string;
}

/**
 * For the agent of a node.
 * @param publicKey SubjectPublicKeyInfo, of the type that probes have
 * @param askedWith the serial number of the node's certificate that they are asked for with
 * @param listener those of an end of ours as well
 * @throws as issueProbe; ERR_STATE once that certificate is revoked
 */
export async function certifyProbes(
  writer: KeystoreWriter,
  wait: number,
  publicKey: Uint8Array,
  { node, askedWith }: { node: string; askedWith: string },
  listener: boolean,
): Promise<ProbeChains & { listener?: ListenerChains }> {
  const name = agentProbeName(node);
  const confirm = async (): Promise<void> => {
    const row = await writer.keystore.query((index) => index.bySerial(askedWith));
    if (row?.revoked === undefined) return;
    throw new ClusterCaError('ERR_STATE', `${node} is revoked: its agent is given nothing to ask with`, {
      hint: `an operator gives it a new certificate: cluster-ca issue ${node}`,
    });
  };
  const chains = await certifyThree(writer, wait, publicKey, { ...PROBE, name }, confirm);
  if (!listener) return chains;
  const names = listenerNames(writer);
  const item = { ...listenerProbe([names.name, names.ownName]), name };
  return { ...chains, listener: { ...(await certifyThree(writer, wait, publicKey, item, confirm)), ...names } };
}

async function certifyThree(
  writer: KeystoreWriter,
  wait: number,
  publicKey: Uint8Array,
  item: SignedItem,
  confirm: () => Promise<void>,
): Promise<ProbeChains> {
  const chains: ProbeChains = { stranger: await strangersChain(writer, publicKey, item) };
  for (const side of ['old', 'new'] as const)
    if (issuerOf(writer.keystore.state, side) !== undefined)
      chains[side] = await certifyProbe(writer, wait, publicKey, side, item, confirm);
  return chains;
}

async function strangersChain(writer: KeystoreWriter, publicKey: Uint8Array, item: SignedItem): Promise<string> {
  const { keystore, options } = writer;
  const crypto = await loadCrypto();
  const now = options.now();
  const { policy } = keystore.state;
  const keyType = 'ecdsa-p256';
  const make = { crypto, now, keyType, lifetime: 86_400 } as const;
  const root = await makeRoot({ ...make, name: 'stranger Root CA' });
  const constraints = constraintsFor(policy.domains, policy.permitIp);
  const issuing = await makeIssuing({ ...make, name: 'stranger Issuing CA' }, root, constraints);
  const template = templateOf(item, newSerial(randomBytes), publicKey, {
    policy,
    issuer: issuing.certificate,
    keyType,
    now,
    sha256: (data) => sha256(data),
    validity: probeValidity(Math.floor(now.getTime() / 1000) * 1000, issuing.certificate.notAfter),
  });
  const { der } = await signTemplate(template, issuing.certificate, issuing.signer, crypto);
  for (const made of [root, issuing]) if ('pkcs8' in made.key) made.key.pkcs8.fill(0);
  return encodePem('CERTIFICATE', der) + encodePem('CERTIFICATE', issuing.certificate.der);
}
