import { type DerReader, readDer } from '../pki/der/reader.ts';
import { contextTag, TAG } from '../pki/der/tags.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../pki/x509/algorithm.ts';

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const CERTIFICATE = '1.2.840.113549.1.9.22.1';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20';
const BAGS: Record<string, BagType> = {
  '1.2.840.113549.1.12.10.1.1': 'key',
  '1.2.840.113549.1.12.10.1.2': 'encrypted-key',
  '1.2.840.113549.1.12.10.1.3': 'certificate',
  '1.2.840.113549.1.12.10.1.4': 'crl',
  '1.2.840.113549.1.12.10.1.5': 'secret',
  '1.2.840.113549.1.12.10.1.6': 'nested',
};
const MOST = 500;

export type BagType = 'key' | 'encrypted-key' | 'certificate' | 'crl' | 'secret' | 'nested' | 'unknown';

/** One thing in the file: what it is, its name, and its value in DER (of a certificate: the certificate). */
export interface Bag {
  type: BagType;
  friendlyName?: string;
  value: Uint8Array;
}

/** A part of the file: its bags, or how they are encrypted. */
export type SafePart =
  | { encrypted: false; bags: Bag[] }
  | { encrypted: true; algorithm: AlgorithmIdentifier | undefined; ciphertext: Uint8Array };

/** The integrity of the whole under the password (RFC 7292 §4, RFC 9579). */
export interface Mac {
  algorithm: AlgorithmIdentifier;
  digest: Uint8Array;
  salt: Uint8Array;
  iterations: number;
}

/** A PKCS#12 file as far as it can be read without its password. */
export interface Pkcs12 {
  mac: Mac | undefined;
  /** What the MAC is over. */
  content: Uint8Array;
  parts: SafePart[];
}

/** True for a PFX: version 3, then a ContentInfo. */
export function looksLikePkcs12(reader: DerReader): boolean {
  if (reader.peek() !== TAG.integer) return false;
  const version = reader.integer();
  return (
    version.length === 1 && version[0] === 3 && reader.peek() === TAG.sequence && reader.enter().peek() === TAG.oid
  );
}

/** @throws DerError */
export function readPkcs12(der: Uint8Array): Pkcs12 {
  return readDer(der, (reader) => {
    const outer = reader.enter();
    outer.smallInteger();
    const info = outer.enter();
    const type = info.oid();
    const content = type === DATA ? info.enter(contextTag(0, true)).content(TAG.octetString) : new Uint8Array(0);
    const mac = outer.done ? undefined : readMac(outer.enter());
    outer.end();
    return { mac, content, parts: type === DATA ? readDer(content, readParts) : [] };
  });
}

/** The bags of a part that was decrypted. @throws DerError */
export function readBags(der: Uint8Array): Bag[] {
  return readDer(der, (reader) => bagsOf(reader.enter()));
}

function readMac(reader: DerReader): Mac {
  const info = reader.enter();
  const algorithm = readAlgorithm(info);
  const digest = info.content(TAG.octetString);
  const salt = reader.content(TAG.octetString);
  return { algorithm, digest, salt, iterations: reader.done ? 1 : reader.cappedInteger() };
}

function readParts(reader: DerReader): SafePart[] {
  const list = reader.enter();
  const parts: SafePart[] = [];
  while (!list.done && parts.length < MOST) {
    const info = list.enter();
    const type = info.oid();
    if (type === DATA)
      parts.push({ encrypted: false, bags: readBags(info.enter(contextTag(0, true)).content(TAG.octetString)) });
    else if (type === ENCRYPTED_DATA) parts.push(readEncrypted(info.enter(contextTag(0, true)).enter()));
    else parts.push({ encrypted: true, algorithm: undefined, ciphertext: new Uint8Array(0) });
  }
  return parts;
}

function readEncrypted(data: DerReader): SafePart {
  data.smallInteger();
  const info = data.enter();
  info.oid();
  const algorithm = readAlgorithm(info);
  return { encrypted: true, algorithm, ciphertext: info.content(contextTag(0, false)) };
}

function bagsOf(list: DerReader): Bag[] {
  const bags: Bag[] = [];
  while (!list.done && bags.length < MOST) {
    const bag = list.enter();
    const type = BAGS[bag.oid()] ?? 'unknown';
    const wrapped = bag.enter(contextTag(0, true));
    const start = wrapped.offset;
    if (type === 'nested') {
      bags.push(...bagsOf(wrapped.enter()));
      continue;
    }
    const own = type === 'certificate' ? certificateIn(wrapped.enter()) : undefined;
    if (type !== 'certificate') wrapped.raw();
    const friendlyName = bag.done ? undefined : friendlyNameIn(bag.enter(TAG.set));
    bags.push({
      type: type === 'certificate' && own === undefined ? 'unknown' : type,
      ...(friendlyName === undefined ? {} : { friendlyName }),
      value: own ?? wrapped.since(start),
    });
  }
  return bags;
}

function certificateIn(reader: DerReader): Uint8Array | undefined {
  return reader.oid() === CERTIFICATE ? reader.enter(contextTag(0, true)).content(TAG.octetString) : undefined;
}

function friendlyNameIn(attributes: DerReader): string | undefined {
  while (!attributes.done) {
    const attribute = attributes.enter();
    if (attribute.oid() !== FRIENDLY_NAME) continue;
    const bytes = attribute.enter(TAG.set).content(TAG.bmpString);
    return new TextDecoder('utf-16be').decode(bytes);
  }
  return undefined;
}
