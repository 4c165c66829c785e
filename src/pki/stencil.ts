import { contextTag, TAG } from './der/tags.ts';
import { time } from './der/time.ts';
import { boolean, concatAll, headerLength, oid, putHeader, sequence, unsignedInteger } from './der/writer.ts';
import { OID } from './oids.ts';
import type { Slab } from './slab.ts';
import { type CertificateTemplate, VERSION_3 } from './template.ts';
import { type Extension, encodeExtension } from './x509/extension.ts';

/** What a certificate has of its own. */
export type OwnParts = Pick<CertificateTemplate, 'serialNumber' | 'subject' | 'publicKey'> & {
  /** The values of the extensions that are not the same for all. */
  values: Record<OwnExtension, Uint8Array>;
};

type OwnExtension = 'subjectAltName' | 'subjectKeyIdentifier';

const OWN: Record<string, OwnExtension> = {
  [OID.subjectAltName]: 'subjectAltName',
  [OID.subjectKeyIdentifier]: 'subjectKeyIdentifier',
};

/** Encoded extensions that all share, or one whose value is each certificate's own: its octets before the value. */
type Piece = { shared: Uint8Array } | { own: OwnExtension; head: Uint8Array };

/**
 * The to-be-signed octets of many certificates of one template: what all share is encoded once, and each is written
 * into one piece of octets, several times faster than from its parts. They are those of `encodeTbsCertificate`.
 */
export class Stencil {
  /** Version, and what stands between serial number and subject: algorithm, issuer, validity. */
  readonly #between: Uint8Array;
  readonly #extensions: Piece[];

  /** @param template of any one of the certificates */
  constructor(template: CertificateTemplate) {
    const { signatureAlgorithm, issuer, notBefore, notAfter } = template;
    this.#between = concatAll([signatureAlgorithm, issuer, sequence(time(notBefore), time(notAfter))]);
    this.#extensions = piecesOf(template.extensions);
  }

  /** @returns the DER of a TBSCertificate, in octets of the slab */
  fill({ serialNumber, subject, publicKey, values }: OwnParts, slab: Slab): Uint8Array {
    const serial = unsignedInteger(serialNumber);
    let list = 0;
    for (const piece of this.#extensions) list += lengthOf(piece, values);
    const wrapped = headerLength(list) + list;
    const before = VERSION_3.length + serial.length + this.#between.length + subject.length + publicKey.length;
    const content = before + headerLength(wrapped) + wrapped;
    const out = slab.take(headerLength(content) + content);
    let at = putHeader(out, 0, TAG.sequence, content);
    for (const part of [VERSION_3, serial, this.#between, subject, publicKey]) {
      out.set(part, at);
      at += part.length;
    }
    at = putHeader(out, at, contextTag(3, true), wrapped);
    at = putHeader(out, at, TAG.sequence, list);
    for (const piece of this.#extensions) at = put(out, at, piece, values);
    return out;
  }
}

function piecesOf(extensions: readonly Extension[]): Piece[] {
  const pieces: Piece[] = [];
  for (const extension of extensions) {
    const own = OWN[extension.oid];
    const last = pieces.at(-1);
    if (own !== undefined) pieces.push({ own, head: headOf(extension) });
    else if (last !== undefined && 'shared' in last) last.shared = concatAll([last.shared, encodeExtension(extension)]);
    else pieces.push({ shared: encodeExtension(extension) });
  }
  return pieces;
}

function headOf({ oid: type, critical }: Extension): Uint8Array {
  return critical ? concatAll([oid(type), boolean(true)]) : oid(type);
}

function lengthOf(piece: Piece, values: OwnParts['values']): number {
  if ('shared' in piece) return piece.shared.length;
  const content = contentLength(piece.head, values[piece.own]);
  return headerLength(content) + content;
}

function contentLength(head: Uint8Array, value: Uint8Array): number {
  return head.length + headerLength(value.length) + value.length;
}

function put(out: Uint8Array, at: number, piece: Piece, values: OwnParts['values']): number {
  if ('shared' in piece) {
    out.set(piece.shared, at);
    return at + piece.shared.length;
  }
  const value = values[piece.own];
  let next = putHeader(out, at, TAG.sequence, contentLength(piece.head, value));
  out.set(piece.head, next);
  next = putHeader(out, next + piece.head.length, TAG.octetString, value.length);
  out.set(value, next);
  return next + value.length;
}
