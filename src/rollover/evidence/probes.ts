import { constraintsFor } from '../../authority/constraints.ts';
import { makeIssuing, makeRoot, signTemplate } from '../../authority/make.ts';
import { randomBytes, sha256 } from '../../crypto/hash.ts';
import { loadCrypto } from '../../crypto/webcrypto.ts';
import type { ClientCertificate } from '../../endpoint/handshake.ts';
import { certifyProbe, issueProbe, PROBE, probeValidity } from '../../issuance/probe.ts';
import { templateOf } from '../../issuance/template.ts';
import { issuerOf } from '../../keystore/hierarchy.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
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
  /** Sessions that the old CA's probe began, by service: once it is refused, they must not be resumed either. */
  sessions?: Map<string, Uint8Array>;
}

/** Makes them; those of the two roots are in the log like any certificate. @throws as issueProbe */
export async function makeProbes(writer: KeystoreWriter, wait: number): Promise<Probes> {
  const { state } = writer.keystore;
  const probes: Probes = { stranger: await strangersProbe(writer), sessions: new Map() };
  for (const side of ['old', 'new'] as const)
    if (issuerOf(state, side) !== undefined) probes[side] = await issueProbe(writer, wait, side);
  return probes;
}

export function forgetProbes({ old, new: fresh, stranger, sessions }: Probes): void {
  for (const session of sessions?.values() ?? []) session.fill(0);
  sessions?.clear();
  for (const probe of [old, fresh, stranger]) probe?.key.fill(0);
}

async function strangersProbe(writer: KeystoreWriter): Promise<ClientCertificate> {
  const key = await generateKey(await loadCrypto(), PROBE.keyType);
  const pem = encodePem('PRIVATE KEY', key.pkcs8);
  key.pkcs8.fill(0);
  const encoder = new TextEncoder();
  return { cert: encoder.encode(await strangersChain(writer, key.spki)), key: encoder.encode(pem) };
}

/** Chains for one key of somebody else's, PEM: they differ in nothing but their issuer. */
export interface ProbeChains {
  old?: string;
  new?: string;
  stranger: string;
}

/** @param publicKey SubjectPublicKeyInfo, of the type that probes have @throws as issueProbe */
export async function certifyProbes(writer: KeystoreWriter, wait: number, publicKey: Uint8Array): Promise<ProbeChains> {
  const chains: ProbeChains = { stranger: await strangersChain(writer, publicKey) };
  for (const side of ['old', 'new'] as const)
    if (issuerOf(writer.keystore.state, side) !== undefined)
      chains[side] = await certifyProbe(writer, wait, publicKey, side);
  return chains;
}

async function strangersChain(writer: KeystoreWriter, publicKey: Uint8Array): Promise<string> {
  const { keystore, options } = writer;
  const crypto = await loadCrypto();
  const now = options.now();
  const { policy } = keystore.state;
  const keyType = 'ecdsa-p256';
  const make = { crypto, now, keyType, lifetime: 86_400 } as const;
  const root = await makeRoot({ ...make, name: 'stranger Root CA' });
  const constraints = constraintsFor(policy.domains, policy.permitIp);
  const issuing = await makeIssuing({ ...make, name: 'stranger Issuing CA' }, root, constraints);
  const template = templateOf(PROBE, newSerial(randomBytes), publicKey, {
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
