import { concatAll } from '../pki/der/writer.ts';
import { decodeCanonical, decodeUtf8, encodeCanonical, tampered, versionOf } from './canonical.ts';
import { type Kind, kind, plane } from './log/bodies.ts';
import { integer, list, oneOf, pattern, record, type Shape, type Shaped } from './shape.ts';

/** One certificate of a pack, and to whom it was issued. */
export interface PackedCertificate {
  kind: Kind;
  name: string;
  plane: string;
  profile: EndEntityProfileName;
  der: Uint8Array;
  /** What the log keeps of it, where whoever made the certificate has read it already. */
  facts?: CertificateFacts;
}

/** What the log keeps of a certificate: its serial, which CA issued it, and its ends in milliseconds since 1970. */
export interface CertificateFacts {
  /** Hex, without a sign octet. */
  serial: string;
  authority: string;
  notBefore: number;
  notAfter: number;
}

const profile = oneOf('peer', 'server', 'client', 'probe');
export type EndEntityProfileName = Shaped<typeof profile>;

const name = pattern(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'a name');
const planeOrNone: Shape<string> = (value, path) => (value === '' ? '' : plane(value, path));
const index = record({
  v: integer,
  certificates: list(record({ kind, name, plane: planeOrNone, profile, length: integer })),
});

/** A pack: one line of canonical JSON with the index, then the certificates' DER one behind the other. */
export function encodePack(certificates: PackedCertificate[]): Uint8Array {
  // In the order of the canonical form, which so need not sort them.
  const entries = certificates.map(({ kind, name, plane, profile, der }) => ({
    kind,
    length: der.length,
    name,
    plane,
    profile,
  }));
  const line = new TextEncoder().encode(`${encodeCanonical({ v: 1, certificates: entries })}\n`);
  return concatAll([line, ...certificates.map(({ der }) => der)]);
}

/** Reads a pack whose hash was checked. @throws ERR_KEYSTORE_TAMPERED when it is malformed */
export function decodePack(bytes: Uint8Array, what: string): PackedCertificate[] {
  const end = bytes.indexOf(0x0a);
  if (end < 0) throw tampered(`${what} has no index`);
  const value = decodeCanonical(decodeUtf8(bytes.subarray(0, end), what), what);
  if (versionOf(value) !== 1) throw tampered(`${what} is of a later version`);
  const head = index(value, what);
  let at = end + 1;
  const certificates = head.certificates.map(({ length, ...entry }) => {
    if ((entry.kind === 'node') !== (entry.plane !== ''))
      throw tampered(`${what} has a ${entry.kind} of a wrong plane`);
    const der = bytes.subarray(at, at + length);
    at += length;
    return { ...entry, der };
  });
  if (at !== bytes.length) throw tampered(`${what} has not the length that its index says`);
  return certificates;
}
