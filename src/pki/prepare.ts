import { ClusterCaError } from '../errors.ts';
import { CERTIFICATE_RULES } from './lint/certificate-rules.ts';
import { CRL_RULES } from './lint/crl-rules.ts';
import { decodeNames } from './lint/decoded.ts';
import { type LintFinding, lint } from './lint/rule.ts';
import type { ProfileName } from './profile/profile.ts';
import type { Sha256 } from './signature.ts';
import type { Signer, SyncSigner } from './signer.ts';
import { Slab } from './slab.ts';
import { type CertificateTemplate, encodeSigned, encodeTbsCertificate } from './template.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { type Crl, parseCrl } from './x509/crl.ts';

/** A to-be-signed certificate or CRL that passed every lint rule. Only `sign` redeems it, once. */
export interface Prepared<T> {
  readonly kind: 'certificate' | 'CRL';
  /** What it will be, with a signature of zeros. */
  readonly preview: T;
}

interface Linted {
  tbs: Uint8Array;
  algorithm: Uint8Array;
}

/** Where previews and the copies that are signed are kept: many small pieces of a few large ones. */
const slab = new Slab();

/**
 * Keeps what was linted in a copy of its own: a prepared value made by anything but this module has none, and a
 * preview that somebody writes into changes nothing.
 */
class Token<T extends Certificate | Crl> implements Prepared<T> {
  readonly kind: 'certificate' | 'CRL';
  readonly preview: T;
  #linted: Linted | undefined;

  constructor(kind: Prepared<T>['kind'], preview: T) {
    this.kind = kind;
    this.preview = preview;
    this.#linted = { tbs: slab.copy(preview.tbs), algorithm: slab.copy(preview.signatureAlgorithm.der) };
    Object.freeze(this);
  }

  /** Hands out what was linted, the first time. */
  static redeem(prepared: object): Linted | undefined {
    if (!(#linted in prepared)) return undefined;
    const linted = prepared.#linted;
    prepared.#linted = undefined;
    return linted;
  }
}

/** Longer than any signature here would be (RSA-4096), so that size rules hold for the real one. */
const DUMMY_SIGNATURE = new Uint8Array(512);

/** What to-be-signed octets are linted against. */
export interface LintRequest {
  profile: ProfileName;
  /** DER of the signature's AlgorithmIdentifier. */
  signatureAlgorithm: Uint8Array;
  /** The issuing certificate; absent for a self-signed root. */
  issuer: Certificate | undefined;
  sha256: Sha256;
}

/**
 * Encodes a template, gives it a dummy signature and lints the result: policy is checked on the very octets that
 * will be signed.
 * @param issuer the issuing certificate; absent for a self-signed root
 * @throws ClusterCaError ERR_LINT with every finding in `details.findings`
 */
export function prepareCertificate(
  template: CertificateTemplate,
  issuer: Certificate | undefined,
  sha256: Sha256,
): Prepared<Certificate> {
  const { profile, signatureAlgorithm } = template;
  return prepareTbs(encodeTbsCertificate(template), { profile, signatureAlgorithm, issuer, sha256 });
}

/** The same for octets that are encoded already, whoever did it. @throws ClusterCaError ERR_LINT */
export function prepareTbs(tbs: Uint8Array, request: LintRequest): Prepared<Certificate> {
  const { profile, issuer, sha256, signatureAlgorithm } = request;
  const preview = parseCertificate(encodeSigned(tbs, signatureAlgorithm, DUMMY_SIGNATURE, slab));
  decodeNames(preview);
  refuse('certificate', lint(CERTIFICATE_RULES, preview, { profile, issuer: issuer ?? preview, sha256 }));
  return new Token('certificate', preview);
}

/** The same for the to-be-signed octets of a CRL. @throws ClusterCaError ERR_LINT */
export function prepareCrl(tbs: Uint8Array, signatureAlgorithm: Uint8Array, issuer: Certificate): Prepared<Crl> {
  const preview = parseCrl(encodeSigned(tbs, signatureAlgorithm, DUMMY_SIGNATURE));
  refuse('CRL', lint(CRL_RULES, preview, { issuer }));
  return new Token('CRL', preview);
}

/**
 * Signs what was prepared.
 * @returns the DER of the certificate or CRL
 * @throws ClusterCaError ERR_LINT when the token is not one of ours or was redeemed before
 */
export async function sign(prepared: Prepared<Certificate> | Prepared<Crl>, signer: Signer): Promise<Uint8Array> {
  const { tbs, algorithm } = redeem(prepared);
  return encodeSigned(tbs, algorithm, await signer.sign(tbs));
}

/** The same with a signer that answers at once: a batch has nothing to wait for. @param into where the DER is put */
export function signNow(prepared: Prepared<Certificate>, signer: SyncSigner, into: Slab): Uint8Array {
  const { tbs, algorithm } = redeem(prepared);
  return encodeSigned(tbs, algorithm, signer.signNow(tbs), into);
}

function redeem(prepared: Prepared<Certificate> | Prepared<Crl>): Linted {
  const linted = Token.redeem(prepared);
  if (linted === undefined) throw new ClusterCaError('ERR_LINT', `this ${prepared.kind} was not prepared for signing`);
  return linted;
}

function refuse(what: string, findings: LintFinding[]): void {
  const [first] = findings;
  if (first === undefined) return;
  throw new ClusterCaError('ERR_LINT', `the ${what} fails lint: ${first.rule}: ${first.message} (${first.source})`, {
    details: { findings },
  });
}
