import { toHex } from '../encoding.ts';
import type { Sha256 } from '../signature.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { formatName, type Name, parseName } from '../x509/name.ts';
import { type KeyShape, keyShape } from './algorithms.ts';
import { type DecodedExtensions, decodeExtensions } from './decoded-extensions.ts';
import type { FailureSubject } from './failure.ts';
import { type ConstrainedNames, constrainedNames } from './name-constraints/names.ts';
import { nameKey } from './names/distinguished-name.ts';

export type Role = 'subject' | 'untrusted' | 'anchor';

/** A certificate in path processing: decoded on demand and once, however many paths it is tried in. */
export class PathCertificate implements FailureSubject {
  readonly role: Role;
  /** The file it came from, for messages. */
  readonly origin: string | undefined;
  readonly certificate: Certificate;
  readonly subjectName: Name;
  readonly issuerName: Name;
  /** Keys that are equal exactly when the names match (RFC 5280 §7.1). */
  readonly subjectKey: string;
  readonly issuerKey: string;
  readonly #sha256: Sha256;
  #fingerprint: string | undefined;
  #subjectText: string | undefined;
  #spki: string | undefined;
  #extensions: DecodedExtensions | undefined;
  #names: ConstrainedNames | undefined;
  #keyShape: KeyShape | undefined | null = null;

  /** @throws DerError when it is not a certificate */
  constructor(der: Uint8Array, role: Role, sha256: Sha256, origin?: string) {
    this.role = role;
    this.origin = origin;
    this.#sha256 = sha256;
    this.certificate = parseCertificate(der);
    this.subjectName = parseName(this.certificate.subject);
    this.issuerName = parseName(this.certificate.issuer);
    this.subjectKey = nameKey(this.subjectName);
    this.issuerKey = nameKey(this.issuerName);
  }

  get der(): Uint8Array {
    return this.certificate.der;
  }

  get fingerprint(): string {
    this.#fingerprint ??= toHex(this.#sha256(this.certificate.der));
    return this.#fingerprint;
  }

  get subjectText(): string {
    this.#subjectText ??= formatName(this.subjectName);
    return this.#subjectText;
  }

  get issuerText(): string {
    return formatName(this.issuerName);
  }

  /** The same for two certificates exactly when their keys are. */
  get spki(): string {
    this.#spki ??= String.fromCharCode(...this.certificate.publicKey.der);
    return this.#spki;
  }

  get extensions(): DecodedExtensions {
    this.#extensions ??= decodeExtensions(this.certificate.extensions);
    return this.#extensions;
  }

  /** The key's type and size; undefined for one that is malformed or not supported. */
  get keyShape(): KeyShape | undefined {
    if (this.#keyShape === null) this.#keyShape = keyShape(this.certificate.publicKey);
    return this.#keyShape;
  }

  /** What name constraints apply to. */
  get names(): ConstrainedNames {
    this.#names ??= constrainedNames(this.subjectName, this.extensions.subjectAltName);
    return this.#names;
  }

  /** Subject and issuer are the same name (RFC 5280 §6.1); such a certificate counts for no path length. */
  get selfIssued(): boolean {
    return this.subjectKey === this.issuerKey;
  }
}
