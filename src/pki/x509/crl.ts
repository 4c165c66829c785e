import { DerError } from '../der/error.ts';
import { DerReader } from '../der/reader.ts';
import { contextTag, TAG } from '../der/tags.ts';
import { LIMITS } from '../limits.ts';
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts';
import { type Extension, readExtensions } from './extension.ts';
import { SignedReader } from './signed.ts';

/** One revoked certificate (RFC 5280 §5.1.2.6). */
export interface CrlEntry {
  /** Content octets of the INTEGER. */
  serialNumber: Uint8Array;
  /** Milliseconds since 1970. */
  revocationDate: number;
  extensions: Extension[];
}

/** A decoded CRL (RFC 5280 §5.1). The entries stay encoded until `entries()` walks them. */
export interface Crl {
  der: Uint8Array;
  tbs: Uint8Array;
  version: 1 | 2;
  tbsSignature: AlgorithmIdentifier;
  /** DER of the issuer's Name. */
  issuer: Uint8Array;
  /** Milliseconds since 1970. */
  thisUpdate: number;
  nextUpdate: number | undefined;
  /** Whether the list of entries is there and empty, which no issuer may write (RFC 5280 §5.1.2.6). */
  emptyList: boolean;
  extensions: Extension[];
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Uint8Array;
  /** Walks the entries in order. @throws DerError at a malformed one */
  entries(): Generator<CrlEntry>;
}

/** Decodes one CRL. @throws DerError when it is larger than 16 MiB or not a CRL in DER */
export function parseCrl(der: Uint8Array): Crl {
  const signed = new SignedReader(der, 'CRL', LIMITS.crl);
  const { fields, tbs } = signed;
  const version = fields.peek() === TAG.integer ? fields.smallInteger() : 0;
  if (version > 1) throw new DerError(`unknown CRL version ${version + 1}`);
  const tbsSignature = readAlgorithm(fields);
  const issuer = fields.raw(0x30);
  const thisUpdate = fields.time();
  const next = fields.peek();
  const nextUpdate = next === TAG.utcTime || next === TAG.generalizedTime ? fields.time() : undefined;
  const revoked = fields.peek() === 0x30 ? fields.raw(0x30) : undefined;
  const wrapped = version === 1 ? fields.enterOptional(contextTag(0, true)) : undefined;
  const extensions = wrapped === undefined ? [] : readExtensions(wrapped);
  wrapped?.end();
  const { signatureAlgorithm, signature } = signed.close();
  return {
    der,
    tbs,
    version: version === 1 ? 2 : 1,
    tbsSignature,
    issuer,
    thisUpdate,
    nextUpdate,
    emptyList: revoked?.length === 2,
    extensions,
    signatureAlgorithm,
    signature,
    entries: () => walkEntries(revoked),
  };
}

function* walkEntries(revoked: Uint8Array | undefined): Generator<CrlEntry> {
  if (revoked === undefined) return;
  const list = new DerReader(revoked).enter();
  while (!list.done) {
    const entry = list.enter();
    const serialNumber = entry.integer();
    const revocationDate = entry.time();
    const extensions = entry.done ? [] : readExtensions(entry);
    entry.end();
    yield { serialNumber, revocationDate, extensions };
  }
}
