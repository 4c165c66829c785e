import { DerError } from '../../der/error.ts';
import { readDer } from '../../der/reader.ts';
import { TAG } from '../../der/tags.ts';
import { OID } from '../../oids.ts';
import type { Crl, CrlEntry } from '../../x509/crl.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseGeneralNames } from '../../x509/general-name.ts';
import { parseName } from '../../x509/name.ts';
import { oidName } from '../decoded-extensions.ts';
import { nameKey } from '../names/distinguished-name.ts';

/** The reason codes of RFC 5280 §5.3.1 by number; 7 is not used. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export interface RevokedEntry {
  /** Milliseconds since 1970. */
  date: number;
  reason: string;
}

const KNOWN: ReadonlySet<string> = new Set([OID.cRLReason, OID.invalidityDate, OID.certificateIssuer]);

/**
 * The entries of a CRL by the issuer and serial number of the certificates revoked (RFC 5280 §5.3). Only an indirect CRL
 * has entries of other issuers (§5.3.3), and only version 2 has extensions (§5.1.2.1): a CRL that breaks this could
 * move its entries away from the certificates that they are about, so it does not count.
 */
export class EntryIndex {
  /** Critical entry extensions that are not processed: then the whole CRL may not be used (RFC 5280 §5.3). */
  readonly unknownCritical: readonly string[];
  readonly #byIssuer = new Map<string, Map<string, CrlEntry>>();

  /** `indirect` as its issuing distribution point says. @throws DerError at an entry that is malformed or may not be there */
  constructor(crl: Crl, issuerKey: string, indirect: boolean) {
    const unknown = new Set<string>();
    let issuer = issuerKey;
    let serials = this.#serialsOf(issuer);
    for (const entry of crl.entries()) {
      if (entry.extensions.length > 0) {
        if (crl.version === 1) throw new DerError('extensions of an entry in a CRL of version 1');
        for (const { oid, critical } of entry.extensions) if (critical && !KNOWN.has(oid)) unknown.add(oidName(oid));
        const moved = certificateIssuer(entry);
        if (moved !== undefined && !indirect)
          throw new DerError('certificate issuer of an entry in a CRL that is not indirect');
        if (moved !== undefined && moved !== issuer) {
          issuer = moved;
          serials = this.#serialsOf(issuer);
        }
      }
      const serial = String.fromCharCode(...entry.serialNumber);
      serials.set(serial, entry);
    }
    this.unknownCritical = [...unknown];
  }

  /** @throws DerError when the entry's reason is malformed */
  find(issuerKey: string, serialNumber: Uint8Array): RevokedEntry | undefined {
    const entry = this.#byIssuer.get(issuerKey)?.get(String.fromCharCode(...serialNumber));
    if (entry === undefined) return undefined;
    const reason = findExtension(entry.extensions, OID.cRLReason);
    const code = reason === undefined ? 0 : readDer(reason.value, (reader) => reader.smallInteger(TAG.enumerated));
    return { date: entry.revocationDate, reason: REASONS[code] ?? `reason ${code}` };
  }

  #serialsOf(issuerKey: string): Map<string, CrlEntry> {
    let serials = this.#byIssuer.get(issuerKey);
    if (serials === undefined) {
      serials = new Map();
      this.#byIssuer.set(issuerKey, serials);
    }
    return serials;
  }
}

/** The key of the issuer that this and the following entries are about (RFC 5280 §5.3.3). */
function certificateIssuer(entry: CrlEntry): string | undefined {
  const extension = findExtension(entry.extensions, OID.certificateIssuer);
  if (extension === undefined) return undefined;
  const name = parseGeneralNames(extension.value).find(({ type }) => type === 'directory');
  return name?.type === 'directory' ? nameKey(parseName(name.value)) : '\u0000none';
}
