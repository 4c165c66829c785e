import { contextTag, TAG } from './der/tags.ts';
import { generalizedTime, time } from './der/time.ts';
import { compareBytes, concatAll, sequence, tlv, unsignedInteger } from './der/writer.ts';
import { OID } from './oids.ts';
import { authorityKeyIdentifierOf } from './profile/issuer.ts';
import { REASON_CODES, type RevocationReason } from './revocation-reason.ts';
import type { Certificate } from './x509/certificate.ts';
import { type Extension, encodeExtension } from './x509/extension.ts';
import { cRLNumber, issuingDistributionPoint } from './x509/extensions.ts';

/** One entry of a CRL to be (RFC 5280 §5.1.2.6, §5.3). */
export interface RevokedCertificate {
  serialNumber: Uint8Array;
  revocationDate: Date;
  reason: RevocationReason;
  invalidityDate?: Date;
}

export interface CrlTemplate {
  issuer: Certificate;
  /** DER of the signature's AlgorithmIdentifier. */
  signatureAlgorithm: Uint8Array;
  thisUpdate: Date;
  nextUpdate: Date;
  number: bigint;
  entries: RevokedCertificate[];
  /** In both the certificates' distribution point and here, or in neither: OpenSSL refuses one alone (error 44). */
  url?: string;
}

/** The TBSCertList of a template (RFC 5280 §5.1), entries in the order of their serial numbers, in time n log n. */
export function encodeTbsCertList(template: CrlTemplate): Uint8Array {
  const entries = template.entries.toSorted(
    (a, b) => a.serialNumber.length - b.serialNumber.length || compareBytes(a.serialNumber, b.serialNumber),
  );
  const extensions: Extension[] = [cRLNumber(template.number), authorityKeyIdentifierOf(template.issuer)];
  if (template.url !== undefined) extensions.push(issuingDistributionPoint(template.url));
  return sequence(
    unsignedInteger(1),
    template.signatureAlgorithm,
    template.issuer.subject,
    time(template.thisUpdate),
    time(template.nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(concatAll(entries.map(encodeEntry)))]),
    tlv(contextTag(0, true), sequence(...extensions.map(encodeExtension))),
  );
}

/** The next CRL number: above the last, and never below the clock, so that it grows even after a restore (RFC 5280 §5.2.3). */
export function nextCrlNumber(last: bigint | undefined, now: Date): bigint {
  const clock = BigInt(now.getTime());
  return last !== undefined && last >= clock ? last + 1n : clock;
}

function encodeEntry(entry: RevokedCertificate): Uint8Array {
  const extensions: Extension[] = [];
  if (entry.reason !== 'unspecified')
    extensions.push({
      oid: OID.cRLReason,
      critical: false,
      value: tlv(TAG.enumerated, Uint8Array.of(REASON_CODES[entry.reason])),
    });
  if (entry.invalidityDate !== undefined)
    extensions.push({ oid: OID.invalidityDate, critical: false, value: generalizedTime(entry.invalidityDate) });
  return sequence(
    unsignedInteger(entry.serialNumber),
    time(entry.revocationDate),
    ...(extensions.length === 0 ? [] : [sequence(...extensions.map(encodeExtension))]),
  );
}
