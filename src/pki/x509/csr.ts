import { DerError } from '../der/error.ts';
import type { DerReader } from '../der/reader.ts';
import { contextTag, TAG } from '../der/tags.ts';
import { LIMITS } from '../limits.ts';
import { OID } from '../oids.ts';
import type { AlgorithmIdentifier } from './algorithm.ts';
import { type PublicKeyInfo, readPublicKeyInfo } from './certificate.ts';
import { type Extension, readExtensions } from './extension.ts';
import { SignedReader } from './signed.ts';

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
  const signed = new SignedReader(der, 'certification request', LIMITS.certificate);
  const { fields: info, tbs } = signed;
  if (info.smallInteger() !== 0) throw new DerError('unknown version of certification request');
  const subject = info.raw(0x30);
  const publicKey = readPublicKeyInfo(info);
  const attributes = info.enterOptional(contextTag(0, true));
  const extensions = attributes === undefined ? [] : readRequestedExtensions(attributes);
  const { signatureAlgorithm, signature } = signed.close();
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
