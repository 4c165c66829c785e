import { ClusterCaError } from '../errors.ts';
import { CERTIFICATE_RULES } from './lint/certificate-rules.ts';
import { CRL_RULES } from './lint/crl-rules.ts';
import { type LintFinding, lint } from './lint/rule.ts';
import type { Sha256 } from './signature.ts';
import type { Signer } from './signer.ts';
import { type CertificateTemplate, encodeSigned, encodeTbsCertificate } from './template.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';
import { type Crl, parseCrl } from './x509/crl.ts';

/** A to-be-signed certificate or CRL that passed every lint rule. Only `sign` redeems it, once. */
export interface Prepared<T> {
  readonly kind: 'certificate' | 'CRL';
  /** What it will be, with a signature of zeros. */
  readonly preview: T;
}

/**
 * Unredeemed tokens and what was linted, in a copy of our own: a prepared value made by anything but this module is
 * not among them, and a preview that somebody writes into changes nothing.
 */
const unredeemed = new WeakMap<Prepared<unknown>, { tbs: Uint8Array; algorithm: Uint8Array }>();

/** Longer than any signature here would be (RSA-4096), so that size rules hold for the real one. */
const DUMMY_SIGNATURE = new Uint8Array(512);

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
  const der = encodeSigned(encodeTbsCertificate(template), template.signatureAlgorithm, DUMMY_SIGNATURE);
  const preview = parseCertificate(der);
  const context = { profile: template.profile, issuer: issuer ?? preview, sha256 };
  refuse('certificate', lint(CERTIFICATE_RULES, preview, context));
  return token('certificate', preview);
}

/** The same for the to-be-signed octets of a CRL. @throws ClusterCaError ERR_LINT */
export function prepareCrl(tbs: Uint8Array, signatureAlgorithm: Uint8Array, issuer: Certificate): Prepared<Crl> {
  const preview = parseCrl(encodeSigned(tbs, signatureAlgorithm, DUMMY_SIGNATURE));
  refuse('CRL', lint(CRL_RULES, preview, { issuer }));
  return token('CRL', preview);
}

/**
 * Signs what was prepared.
 * @returns the DER of the certificate or CRL
 * @throws ClusterCaError ERR_LINT when the token is not one of ours or was redeemed before
 */
export async function sign(prepared: Prepared<Certificate> | Prepared<Crl>, signer: Signer): Promise<Uint8Array> {
  const linted = unredeemed.get(prepared);
  if (linted === undefined || !unredeemed.delete(prepared))
    throw new ClusterCaError('ERR_LINT', `this ${prepared.kind} was not prepared for signing`);
  return encodeSigned(linted.tbs, linted.algorithm, await signer.sign(linted.tbs));
}

function token<T extends Certificate | Crl>(kind: Prepared<T>['kind'], preview: T): Prepared<T> {
  const prepared = Object.freeze({ kind, preview });
  unredeemed.set(prepared, { tbs: preview.tbs.slice(), algorithm: preview.signatureAlgorithm.der.slice() });
  return prepared;
}

function refuse(what: string, findings: LintFinding[]): void {
  const [first] = findings;
  if (first === undefined) return;
  throw new ClusterCaError('ERR_LINT', `the ${what} fails lint: ${first.rule}: ${first.message} (${first.source})`, {
    details: { findings },
  });
}
