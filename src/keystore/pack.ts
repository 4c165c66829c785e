import { concatAll } from '../pki/der/writer.ts';
import { decodeCanonical, encodeCanonical, tampered } from './canonical.ts';
import { type Kind, kind } from './log/bodies.ts';
import { integer, list, oneOf, record, type Shaped, text } from './shape.ts';

/** One certificate of a pack, and to whom it was issued. */
export interface PackedCertificate {
  kind: Kind;
  name: string;
  plane: string;
  profile: EndEntityProfileName;
  der: Uint8Array;
}

const profile = oneOf('peer', 'server', 'client', 'probe');
export type EndEntityProfileName = Shaped<typeof profile>;

const index = record({
  v: integer,
  certificates: list(record({ kind, name: text, plane: text, profile, length: integer })),
});

/** A pack: one line of canonical JSON with the index, then the certificates' DER one behind the other. */
export function encodePack(certificates: PackedCertificate[]): Uint8Array {
  const entries = certificates.map(({ der, ...entry }) => ({ ...entry, length: der.length }));
  const line = new TextEncoder().encode(`${encodeCanonical({ v: 1, certificates: entries })}\n`);
  return concatAll([line, ...certificates.map(({ der }) => der)]);
}

/** Reads a pack whose hash was checked. @throws ERR_KEYSTORE_TAMPERED when it is malformed */
export function decodePack(bytes: Uint8Array, what: string): PackedCertificate[] {
  const end = bytes.indexOf(0x0a);
  if (end < 0) throw tampered(`${what} has no index`);
  const head = index(decodeCanonical(new TextDecoder().decode(bytes.subarray(0, end)), what), what);
  if (head.v !== 1) throw tampered(`${what} is of a later version`);
  let at = end + 1;
  const certificates = head.certificates.map(({ length, ...entry }) => {
    const der = bytes.subarray(at, at + length);
    at += length;
    return { ...entry, der };
  });
  if (at !== bytes.length) throw tampered(`${what} has not the length that its index says`);
  return certificates;
}
