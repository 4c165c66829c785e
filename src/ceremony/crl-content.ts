import { crlNumberOf } from '../authority/sign-crl.ts';
import { tampered } from '../keystore/canonical.ts';
import type { Authority } from '../keystore/log/parts.ts';
import { encodeTbsCertList, type RevokedCertificate } from '../pki/crl.ts';
import { readDer } from '../pki/der/reader.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import { prepareCrl } from '../pki/prepare.ts';
import { type RevocationReason, reasonName } from '../pki/revocation-reason.ts';
import { encodeSigned } from '../pki/template.ts';
import { signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { type CrlEntry, parseCrl } from '../pki/x509/crl.ts';
import { findExtension } from '../pki/x509/extension.ts';
import type { CeremonyRequest } from './request-shape.ts';

/** All that a CRL says besides whose it is. */
export interface CrlContent {
  number: bigint;
  thisUpdate: Date;
  nextUpdate: Date;
  entries: RevokedCertificate[];
}

/** Numbers are milliseconds since 1970, or one more than the last: whatever is beyond would leave none for later CRLs. */
const LAST_NUMBER = BigInt(Date.UTC(9999, 11, 31, 23, 59, 59, 999));
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/**
 * Reads the to-be-signed octets of a CRL that a root is asked for. They are linted, and are those that its content gives
 * when it is encoded: nothing can be in them that is not shown.
 * @throws ERR_LINT, ERR_KEYSTORE_TAMPERED, DerError
 */
export function crlContent(tbs: Uint8Array, authority: Pick<Authority, 'certificate' | 'keyType'>): CrlContent {
  const issuer = parseCertificate(fromBase64(authority.certificate));
  const signatureAlgorithm = signatureAlgorithmFor(authority.keyType);
  prepareCrl(tbs, signatureAlgorithm, issuer);
  // With a signature of none: they are read as any CRL is.
  const crl = parseCrl(encodeSigned(tbs, signatureAlgorithm, new Uint8Array(64)));
  if (crl.nextUpdate === undefined) throw tampered('the CRL never ends');
  const content = {
    number: crlNumberOf(crl),
    thisUpdate: new Date(crl.thisUpdate),
    nextUpdate: new Date(crl.nextUpdate),
    entries: [...crl.entries()].map(entryOf),
  };
  if (!equalBytes(encodeTbsCertList({ ...content, issuer, signatureAlgorithm }), tbs))
    throw tampered('the CRL says more than a root’s says');
  return content;
}

/** Holds a request's CRL against the root that is to sign it. @param own its certificate @throws as {@link crlContent} */
export function checkCrl({ tbs, authority }: CeremonyRequest, own: Certificate): void {
  if (tbs === undefined) return;
  const { number, thisUpdate, nextUpdate } = crlContent(fromBase64(tbs), authority);
  if (thisUpdate.getTime() < own.notBefore || nextUpdate.getTime() > own.notAfter)
    throw tampered(`the CRL holds outside the life of ${authority.id}`);
  if (number > LAST_NUMBER) throw tampered('the CRL’s number would leave none for later ones');
}

/** What is odd about a CRL that was asked for then: for whoever signs to ask about. */
export function oddities(
  { number, thisUpdate, nextUpdate }: CrlContent,
  { createdAt, type, authority }: CeremonyRequest,
): string[] {
  const at = Date.parse(createdAt);
  const odd: string[] = [];
  if (Math.abs(thisUpdate.getTime() - at) > HOUR)
    odd.push(`the CRL is not of the time when it was asked for, ${createdAt}`);
  if (number > BigInt(at + 40 * DAY)) odd.push('the CRL’s number is ahead of the time: all later ones are above it');
  const { notAfter } = parseCertificate(fromBase64(authority.certificate));
  if (type === 'last-crl' && nextUpdate.getTime() < notAfter) odd.push('the last CRL ends before its root does');
  return odd;
}

function entryOf({ serialNumber, revocationDate, extensions }: CrlEntry): RevokedCertificate {
  const reason = findExtension(extensions, OID.cRLReason);
  const invalidity = findExtension(extensions, OID.invalidityDate);
  return {
    serialNumber,
    revocationDate: new Date(revocationDate),
    reason: reason === undefined ? 'unspecified' : reasonOf(reason.value),
    ...(invalidity === undefined
      ? {}
      : { invalidityDate: new Date(readDer(invalidity.value, (reader) => reader.time())) }),
  };
}

function reasonOf(value: Uint8Array): RevocationReason {
  const reason = reasonName(readDer(value, (reader) => reader.smallInteger(0x0a)));
  if (reason === undefined) throw tampered('a CRL entry has no known reason');
  return reason;
}
