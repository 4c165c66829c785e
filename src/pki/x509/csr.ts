import { DerError } from '../der/error.ts';
import { DerReader } from '../der/reader.ts';
import { contextTag, TAG } from '../der/tags.ts';
import { LIMITS } from '../limits.ts';
import { OID } from '../oids.ts';
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts';
import { type PublicKeyInfo, readPublicKeyInfo } from './certificate.ts';
import { type Extension, readExtensions } from './extension.ts';

/** A decoded certification request (RFC 2986 §4). */
export interface Csr {
  der: Uint8Array;
  /** The octets its own key signed. */
  tbs: Uint8Array;
  subject: Uint8Array;
  publicKey: PublicKeyInfo;
  /** What its extensionRequest attribute asks for; empty without one. */
  extensions: Extension[];
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Uint8Array;
}

/** Decodes one PKCS#10 request. @throws DerError when it is larger than 64 KiB or not a request in DER */
export function parseCsr(der: Uint8Array): Csr {
  if (der.length > LIMITS.certificate)
    throw new DerError(`certification request larger than ${LIMITS.certificate} bytes`);
  const reader = new DerReader(der);
  const outer = reader.enter();
  reader.end();
  const tbsAt = outer.offset;
  const info = outer.enter();
  const tbs = outer.since(tbsAt);
  if (info.smallInteger() !== 0) throw new DerError('unknown version of certification request');
  const subject = info.raw(0x30);
  const publicKey = readPublicKeyInfo(info);
  const attributes = info.enterOptional(contextTag(0, true));
  const extensions = attributes === undefined ? [] : readRequestedExtensions(attributes);
  info.end();
  const signatureAlgorithm = readAlgorithm(outer);
  const signature = outer.octetAlignedBitString();
  outer.end();
  return { der, tbs, subject, publicKey, extensions, signatureAlgorithm, signature };
}

function readRequestedExtensions(attributes: DerReader): Extension[] {
  let extensions: Extension[] | undefined;
  while (!attributes.done) {
    const attribute = attributes.enter();
    const type = attribute.oid();
    const values = attribute.enter(TAG.set);
    attribute.end();
    if (type !== OID.extensionRequest) continue;
    if (extensions !== undefined) throw new DerError('more than one extensionRequest');
    extensions = values.peek() === 0x30 ? readExtensions(values) : [];
    values.end();
  }
  return extensions ?? [];
}
