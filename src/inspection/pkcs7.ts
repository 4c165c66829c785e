import type { DerReader } from '../pki/der/reader.ts';
import { readDer } from '../pki/der/reader.ts';
import { contextTag, TAG } from '../pki/der/tags.ts';

const DATA = '1.2.840.113549.1.7.1';
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const MOST = 2000;

/** What a PKCS#7 bundle (RFC 5652 §5, "certs-only" as in RFC 5272) holds. */
export interface Pkcs7 {
  /** DER. */
  certificates: Uint8Array[];
  crls: Uint8Array[];
  /** Signatures over content: none in a bundle of certificates. */
  signers: number;
  /** Whether it carries content besides certificates. */
  hasContent: boolean;
}

/** True for a ContentInfo of signed data. */
export function looksLikePkcs7(reader: DerReader): boolean {
  return reader.peek() === TAG.oid && reader.oid() === SIGNED_DATA;
}

/** @throws DerError */
export function readPkcs7(der: Uint8Array): Pkcs7 {
  return readDer(der, (reader) => {
    const outer = reader.enter();
    outer.oid();
    const data = outer.enter(contextTag(0, true)).enter();
    data.smallInteger();
    data.content(TAG.set);
    const content = data.enter();
    const hasContent = content.oid() !== DATA || !content.done;
    const certificates = listOf(data.enterOptional(contextTag(0, true)));
    const crls = listOf(data.enterOptional(contextTag(1, true)));
    const signers = listOf(data.enterOptional(TAG.set)).length;
    // Other certificate formats (attribute certificates) have context tags.
    return { certificates: certificates.filter(([tag]) => tag === TAG.sequence), crls, signers, hasContent };
  });
}

function listOf(reader: DerReader | undefined): Uint8Array[] {
  const list: Uint8Array[] = [];
  while (reader !== undefined && !reader.done && list.length < MOST) list.push(reader.raw());
  return list;
}
