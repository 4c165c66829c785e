import { readDer } from '../pki/der/reader.ts';
import { TAG } from '../pki/der/tags.ts';
import { OID } from '../pki/oids.ts';
import { reasonName } from '../pki/revocation-reason.ts';
import type { CrlEntry } from '../pki/x509/crl.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { formatGeneralName, parseGeneralNames } from '../pki/x509/general-name.ts';
import { extensionName } from './oid-names.ts';
import { serialText } from './serial-text.ts';
import { rfc3339 } from './time.ts';

/** One revoked certificate of a CRL. */
export interface RevokedCertificate {
  serial: string;
  revokedAt: string;
  /** RFC 5280's name; absent is unspecified. `reserved-7` for a number without a name. */
  revocationReason?: string;
  invalidityDate?: string;
  /** The CA whose certificate it is, in an indirect CRL. */
  certificateIssuer?: string[];
}

/** Describes an entry. @throws DerError when one of its extensions does not decode */
export function describeEntry(entry: CrlEntry): RevokedCertificate {
  const out: RevokedCertificate = { serial: serialText(entry.serialNumber), revokedAt: rfc3339(entry.revocationDate) };
  if (entry.extensions.length === 0) return out;
  const reason = findExtension(entry.extensions, OID.cRLReason);
  const invalidity = findExtension(entry.extensions, OID.invalidityDate);
  const issuer = findExtension(entry.extensions, OID.certificateIssuer);
  if (reason !== undefined) out.revocationReason = reasonText(reason.value);
  if (invalidity !== undefined) out.invalidityDate = rfc3339(readDer(invalidity.value, (reader) => reader.time()));
  if (issuer !== undefined) out.certificateIssuer = parseGeneralNames(issuer.value).map(formatGeneralName);
  return out;
}

/** True for an entry that nobody may use without knowing the extension (RFC 5280 §5.3). */
export function hasUnknownCritical(entry: CrlEntry): boolean {
  return entry.extensions.some(({ oid, critical }) => critical && extensionName(oid) === undefined);
}

function reasonText(value: Uint8Array): string {
  const code = readDer(value, (reader) => reader.smallInteger(TAG.enumerated));
  return reasonName(code) ?? (code === 8 ? 'removeFromCRL' : `reserved-${code}`);
}
