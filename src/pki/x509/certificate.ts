import { DerError } from '../der/error.ts';
import type { DerReader } from '../der/reader.ts';
import { contextTag } from '../der/tags.ts';
import { LIMITS } from '../limits.ts';
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts';
import { type Extension, readExtensions } from './extension.ts';
import { SignedReader } from './signed.ts';

/** A SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
export interface PublicKeyInfo {
  der: Uint8Array;
  algorithm: AlgorithmIdentifier;
  /** Content of the subjectPublicKey bit string. */
  key: Uint8Array;
}

/** A decoded certificate (RFC 5280 §4.1). Everything is a view of `der`; extension values and names stay encoded. */
export interface Certificate {
  der: Uint8Array;
  /** The to-be-signed octets. */
  tbs: Uint8Array;
  version: 1 | 2 | 3;
  /** Content octets of the INTEGER, two's complement. */
  serialNumber: Uint8Array;
  /** The algorithm inside the to-be-signed part; must equal `signatureAlgorithm`. */
  tbsSignature: AlgorithmIdentifier;
  /** DER of the issuer's Name. */
  issuer: Uint8Array;
  /** DER of the Validity, which tells how its times are encoded. */
  validity: Uint8Array;
  /** Milliseconds since 1970; the first instant of validity. */
  notBefore: number;
  /** Milliseconds since 1970; the last second of validity is included (RFC 5280 §4.1.2.5). */
  notAfter: number;
  /** DER of the subject's Name. */
  subject: Uint8Array;
  publicKey: PublicKeyInfo;
  extensions: Extension[];
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Uint8Array;
}

/** Decodes one certificate. @throws DerError when it is larger than 64 KiB or not a certificate in DER */
export function parseCertificate(der: Uint8Array): Certificate {
  const signed = new SignedReader(der, 'certificate', LIMITS.certificate);
  const { fields, tbs } = signed;
  const version = readVersion(fields);
  const serialNumber = fields.integer();
  const tbsSignature = readAlgorithm(fields);
  const issuer = fields.raw(0x30);
  const validityAt = fields.offset;
  const times = fields.enter();
  const validity = fields.since(validityAt);
  const notBefore = times.time();
  const notAfter = times.time();
  times.end();
  const subject = fields.raw(0x30);
  const publicKey = readPublicKeyInfo(fields);
  if (version > 1) {
    fields.contentOptional(contextTag(1, false));
    fields.contentOptional(contextTag(2, false));
  }
  const wrapped = version === 3 ? fields.enterOptional(contextTag(3, true)) : undefined;
  const extensions = wrapped === undefined ? [] : readExtensions(wrapped);
  wrapped?.end();
  const { signatureAlgorithm, signature } = signed.close();
  return {
    der,
    tbs,
    version,
    serialNumber,
    tbsSignature,
    issuer,
    validity,
    notBefore,
    notAfter,
    subject,
    publicKey,
    extensions,
    signatureAlgorithm,
    signature,
  };
}

/** Reads a SubjectPublicKeyInfo. @throws DerError */
export function readPublicKeyInfo(reader: DerReader): PublicKeyInfo {
  const at = reader.offset;
  const inner = reader.enter();
  const der = reader.since(at);
  const algorithm = readAlgorithm(inner);
  const key = inner.octetAlignedBitString();
  inner.end();
  return { der, algorithm, key };
}

function readVersion(reader: DerReader): 1 | 2 | 3 {
  const at = reader.offset;
  const explicit = reader.enterOptional(contextTag(0, true));
  if (explicit === undefined) return 1;
  const version = explicit.smallInteger();
  explicit.end();
  if (version === 0) throw new DerError('DEFAULT v1 is encoded', at);
  if (version !== 1 && version !== 2) throw new DerError(`unknown certificate version ${version + 1}`, at);
  return version === 1 ? 2 : 3;
}
