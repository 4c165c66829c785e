import { toHex } from '../pki/encoding.ts';
import type { Csr } from '../pki/x509/csr.ts';
import { parseName } from '../pki/x509/name.ts';
import { nameText, subjectAltNamesOf } from './certificate-object.ts';
import { keyProblems } from './certificate-problems.ts';
import type { InspectionContext } from './context.ts';
import { describeExtensions, type ExtensionDetails } from './extension-details.ts';
import { keyTypeName } from './key-type-name.ts';
import { isWeakSignature, signatureName } from './oid-names.ts';
import { critical, messageOf, type Problem } from './problem.ts';

/** A certification request; the extension fields are what it asks for. */
export interface CsrDescription extends ExtensionDetails {
  subject: string;
  subjectAltNames: string[];
  keyType: string;
  /** SHA-256 of the DER. */
  fingerprint: string;
  spkiSha256: string;
  signatureAlgorithm: string;
  /** Whether its own key signed it: the proof that who asks has the key. */
  signatureValid: boolean;
  problems: Problem[];
}

export function describeCsr(csr: Csr, context: InspectionContext): CsrDescription {
  const { details, problems } = describeExtensions(csr.extensions);
  const keyType = keyTypeName(csr.publicKey);
  const signatureValid = context.verifySignature(csr.publicKey, csr.signatureAlgorithm, csr.tbs, csr.signature);
  try {
    parseName(csr.subject);
  } catch (error) {
    problems.push(critical('malformed-name', `subject: ${messageOf(error)}`));
  }
  problems.push(...keyProblems(keyType));
  if (!signatureValid)
    problems.push(
      critical(
        'self-signature',
        'its own key did not sign it: it is damaged, or was put together by someone without the key',
      ),
    );
  if (isWeakSignature(csr.signatureAlgorithm.oid))
    problems.push(critical('weak-signature', `the signature is ${signatureName(csr.signatureAlgorithm.oid)}`));
  if (details.basicConstraints?.cA === true)
    problems.push(critical('asks-for-ca', 'it asks for a CA certificate: issue refuses it'));
  return {
    subject: nameText(csr.subject),
    subjectAltNames: subjectAltNamesOf(csr.extensions),
    keyType,
    fingerprint: toHex(context.sha256(csr.der)),
    spkiSha256: toHex(context.sha256(csr.publicKey.der)),
    signatureAlgorithm: signatureName(csr.signatureAlgorithm.oid),
    signatureValid,
    ...details,
    problems,
  };
}
