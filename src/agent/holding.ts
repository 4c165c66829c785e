import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, sha256Hex } from '../crypto/hash.ts';
import { ClusterCaError } from '../errors.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import { describeExtensions } from '../inspection/extension-details.ts';
import { identityOf } from '../inspection/identity.ts';
import type { DuePolicy } from '../keystore/certificates/due.ts';
import { dueAt } from '../keystore/certificates/due.ts';
import type { EndEntityProfileName } from '../keystore/pack.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';
import { formatSerial } from '../pki/serial.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { publicHalf } from '../placement/key-match.ts';
import { FILES, holderDirectory, Place } from '../placement/place.ts';

/** What a node has for one plane, in DIR/<node>/<plane>/. */
export interface Holding {
  node: string;
  plane: string;
  place: Place;
  /** PEM: the certificate and its issuing CA. */
  chain: string;
  certificate: Certificate;
  fingerprint: string;
  profile: EndEntityProfileName;
  /** SubjectPublicKeyInfo, hex. */
  publicKey: string;
  /** SHA-256 of the certificate of the CA that signed it; undefined when the file has none. */
  issuer: string | undefined;
}

/** The planes of which there is a key: what a killed run has left is finished later. */
export function heldPlanes(out: string, node: string): string[] {
  try {
    return readdirSync(join(out, node), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(out, node, entry.name, FILES.key)))
      .map(({ name }) => name)
      .sort();
  } catch {
    return [];
  }
}

/** What is there for a plane; undefined when certificate and key are not both there, or no pair. */
export function readHolding(out: string, node: string, plane: string): Holding | undefined {
  const place = new Place(holderDirectory(out, { kind: 'node', name: node, plane }), { keyMode: 0o600 });
  const [bytes, key] = [place.read(FILES.certificate), place.read(FILES.key)];
  const half = publicHalf(key);
  key?.fill(0);
  if (bytes === undefined || half === undefined) return undefined;
  try {
    const chain = new TextDecoder().decode(bytes);
    const [leaf, above] = decodePem(bytes).filter(({ label }) => label === 'CERTIFICATE');
    const certificate = parseCertificate(leaf?.bytes ?? new Uint8Array());
    const publicKey = toHex(certificate.publicKey.der);
    if (publicKey !== half) return undefined;
    return {
      node,
      plane,
      place,
      chain,
      certificate,
      fingerprint: sha256Hex(certificate.der),
      profile: profileOf(certificate),
      publicKey,
      issuer: above && sha256Hex(above.bytes),
    };
  } catch {
    return undefined;
  }
}

/** The private key, PEM; the caller zeroes it. @throws ERR_STATE when it is gone */
export function keyOf({ place, publicKey }: Holding): Uint8Array {
  const key = place.read(FILES.key);
  if (key !== undefined && publicHalf(key) === publicKey) return key;
  key?.fill(0);
  throw new ClusterCaError('ERR_STATE', `${place.path(FILES.key)} is not the key of the certificate beside it`);
}

/** From when it is to be renewed: when it is due, and at once when another CA signs now. Milliseconds since 1970. */
export function renewAt(holding: Holding, policy: DuePolicy, issuer: string | undefined): number {
  const { node: name, plane, certificate } = holding;
  if (issuer !== undefined && holding.issuer !== undefined && holding.issuer !== issuer) return 0;
  return dueAt(policy, { kind: 'node', name, plane }, certificate.notBefore, certificate.notAfter);
}

function profileOf({ extensions, ...certificate }: Certificate): EndEntityProfileName {
  const { subjectAltNames } = certificateFields({ extensions, ...certificate }, (data) => sha256(data));
  const { details } = describeExtensions(extensions);
  return (identityOf(subjectAltNames, details.extendedKeyUsage).profile ?? 'peer') as EndEntityProfileName;
}

/**
 * Finishes what a killed run has left: a key that is in place already, and its certificate, whole, beside it under a
 * temporary name. Without this the node would have no pair to speak to its CA with.
 * @throws ERR_STORAGE
 */
export async function finishHolding(out: string, node: string, plane: string): Promise<void> {
  const place = new Place(holderDirectory(out, { kind: 'node', name: node, plane }), { keyMode: 0o600 });
  const key = place.read(FILES.key);
  const half = publicHalf(key);
  key?.fill(0);
  for (const leftover of await place.leftovers()) {
    if (leftover.final !== FILES.certificate) continue;
    const bytes = place.readLeftover(leftover);
    if (half === undefined || bytes === undefined || publicKeyIn(bytes) !== half) continue;
    const trustBundle = new TextDecoder().decode(place.read(FILES.trustBundle) ?? new Uint8Array());
    await place.finish({ certificate: new TextDecoder().decode(bytes), trustBundle }, undefined);
  }
  // A staged key is another matter: it may be certified.
  for (const leftover of await place.leftovers())
    if (leftover.final !== FILES.key) await place.removeLeftover(leftover);
}

function publicKeyIn(pem: Uint8Array): string | undefined {
  try {
    const [leaf] = decodePem(pem);
    return leaf && toHex(parseCertificate(leaf.bytes).publicKey.der);
  } catch {
    return undefined;
  }
}

/** What is there for these planes. */
export function readHoldings(out: string, node: string, planes: readonly string[]): Holding[] {
  return planes.flatMap((plane) => readHolding(out, node, plane) ?? []);
}

/** As the log has it. */
export function serialOf({ certificate }: Pick<Holding, 'certificate'>): string {
  return formatSerial(certificate.serialNumber);
}

/** Of the certificate with the shortest life, at most a day; milliseconds. */
export function shortestLife(holdings: readonly Holding[]): number {
  return Math.min(...holdings.map(({ certificate }) => certificate.notAfter - certificate.notBefore), 86_400_000);
}
