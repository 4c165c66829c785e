import { DerError } from '../../der/error.ts';
import { readDer } from '../../der/reader.ts';
import { toHex } from '../../encoding.ts';
import { OID } from '../../oids.ts';
import type { Sha256 } from '../../signature.ts';
import { type Crl, parseCrl } from '../../x509/crl.ts';
import {
  type IssuingDistributionPoint,
  parseDistributionPoints,
  parseIssuingDistributionPoint,
} from '../../x509/distribution-point.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseAuthorityKeyIdentifier } from '../../x509/extensions.ts';
import { formatName, type Name, parseName } from '../../x509/name.ts';
import { oidName } from '../decoded-extensions.ts';
import type { FailureSubject } from '../failure.ts';
import { nameKey } from '../names/distinguished-name.ts';
import { EntryIndex } from './entry-index.ts';
import { pointNameKeys } from './point-keys.ts';

/** A CRL in path processing: its extensions decoded, its entries indexed when the first one is looked up. */
export class PathCrl implements FailureSubject {
  readonly origin: string | undefined;
  readonly crl: Crl;
  readonly issuerName: Name;
  readonly issuerKey: string;
  readonly issuingDistributionPoint: IssuingDistributionPoint | undefined;
  /** Keys of the names of its distribution point; undefined when it has none (RFC 5280 §5.2.5). */
  readonly pointKeys: readonly string[] | undefined;
  readonly number: bigint | undefined;
  /** BaseCRLNumber: present in delta CRLs only (RFC 5280 §5.2.4). */
  readonly baseNumber: bigint | undefined;
  /** Critical extensions of the CRL that are not processed (RFC 5280 §5.2). */
  readonly unknownCritical: readonly string[];
  readonly #sha256: Sha256;
  #fingerprint: string | undefined;
  #index: EntryIndex | DerError | undefined;

  /** @throws DerError when it is not a CRL, or an extension that is processed is malformed */
  constructor(der: Uint8Array, sha256: Sha256, origin?: string) {
    this.#sha256 = sha256;
    this.origin = origin;
    this.crl = parseCrl(der);
    this.issuerName = parseName(this.crl.issuer);
    this.issuerKey = nameKey(this.issuerName);
    const value = (oid: string): Uint8Array | undefined => findExtension(this.crl.extensions, oid)?.value;
    const decode = <T>(oid: string, parse: (value: Uint8Array) => T): T | undefined => {
      const bytes = value(oid);
      return bytes === undefined ? undefined : parse(bytes);
    };
    this.issuingDistributionPoint = decode(OID.issuingDistributionPoint, parseIssuingDistributionPoint);
    const point = this.issuingDistributionPoint?.name;
    this.pointKeys = point === undefined ? undefined : pointNameKeys(point, this.issuerKey);
    // These two decide nothing, but they have to be what they say.
    decode(OID.freshestCRL, parseDistributionPoints);
    decode(OID.authorityKeyIdentifier, parseAuthorityKeyIdentifier);
    this.number = decode(OID.cRLNumber, parseNumber);
    this.baseNumber = decode(OID.deltaCRLIndicator, parseNumber);
    this.unknownCritical = this.crl.extensions
      .filter(({ oid, critical }) => critical && !KNOWN.has(oid))
      .map(({ oid }) => oidName(oid));
  }

  get der(): Uint8Array {
    return this.crl.der;
  }

  get fingerprint(): string {
    this.#fingerprint ??= toHex(this.#sha256(this.crl.der));
    return this.#fingerprint;
  }

  get subjectText(): string {
    return formatName(this.issuerName);
  }

  /** @throws DerError at a malformed entry */
  get index(): EntryIndex {
    this.#index ??= this.#readEntries();
    if (this.#index instanceof DerError) throw this.#index;
    return this.#index;
  }

  /** The error is kept too: the CRL may be asked for often, and be large. */
  #readEntries(): EntryIndex | DerError {
    try {
      return new EntryIndex(this.crl, this.issuerKey, this.issuingDistributionPoint?.indirectCRL === true);
    } catch (error) {
      if (error instanceof DerError) return error;
      throw error;
    }
  }

  isCurrentAt(at: number): boolean {
    const { thisUpdate, nextUpdate } = this.crl;
    return thisUpdate <= at && nextUpdate !== undefined && at <= nextUpdate;
  }
}

const MAX_NUMBER_OCTETS = 20;

const KNOWN: ReadonlySet<string> = new Set([
  OID.authorityKeyIdentifier,
  OID.cRLNumber,
  OID.deltaCRLIndicator,
  OID.issuingDistributionPoint,
  OID.freshestCRL,
]);

/** CRLNumber and BaseCRLNumber: not negative, and of 20 octets at most, which is all that has to be handled (RFC 5280 §5.2.3). */
function parseNumber(value: Uint8Array): bigint {
  const octets = readDer(value, (reader) => reader.integer());
  if ((octets[0] as number) >= 0x80) throw new DerError('negative CRL number');
  const length = octets[0] === 0 ? octets.length - 1 : octets.length;
  if (length > MAX_NUMBER_OCTETS) throw new DerError(`CRL number of ${length} octets`);
  return BigInt(`0x${toHex(octets)}`);
}
