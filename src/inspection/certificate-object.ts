import { toHex } from '../pki/encoding.ts';
import { OID } from '../pki/oids.ts';
import type { Sha256 } from '../pki/signature.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { type Extension, findExtension } from '../pki/x509/extension.ts';
import { parseSubjectAltName } from '../pki/x509/extensions.ts';
import { formatGeneralName } from '../pki/x509/general-name.ts';
import { formatName, parseName } from '../pki/x509/name.ts';
import { keyTypeName } from './key-type-name.ts';
import { serialText } from './serial-text.ts';
import { rfc3339 } from './time.ts';

/** What a bare certificate says of cli.md's "certificate object". */
export interface CertificateFields {
  /** Lower-case hex, an even number of digits, no sign octet. */
  serial: string;
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
  /** RFC 4514. */
  subject: string;
  /** `DNS:…`, `IP:…`, `URI:…`, in the certificate's order. */
  subjectAltNames: string[];
  issuer: string;
  keyType: string;
  notBefore: string;
  notAfter: string;
}

/**
 * The shared JSON fields of a certificate, whichever command prints them. It never throws: a name that does not
 * decode is given as `#` and the hex of its DER, a subjectAltName that does not decode as no names at all.
 */
export function certificateFields(certificate: Certificate, sha256: Sha256): CertificateFields {
  return {
    serial: serialText(certificate.serialNumber),
    fingerprint: toHex(sha256(certificate.der)),
    subject: nameText(certificate.subject),
    subjectAltNames: subjectAltNamesOf(certificate.extensions),
    issuer: nameText(certificate.issuer),
    keyType: keyTypeName(certificate.publicKey),
    notBefore: rfc3339(certificate.notBefore),
    notAfter: rfc3339(certificate.notAfter),
  };
}

/** The RFC 4514 string of an encoded name; `#` and the hex of the DER when it does not decode. */
export function nameText(der: Uint8Array): string {
  try {
    return formatName(parseName(der));
  } catch {
    return `#${toHex(der)}`;
  }
}

/** The names of the subjectAltName extension as text; none when there is no such extension, or it does not decode. */
export function subjectAltNamesOf(extensions: readonly Extension[]): string[] {
  const extension = findExtension(extensions, OID.subjectAltName);
  if (extension === undefined) return [];
  try {
    return parseSubjectAltName(extension.value).map(formatGeneralName);
  } catch {
    return [];
  }
}
