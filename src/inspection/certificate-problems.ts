import { equalBytes } from '../pki/der/writer.ts';
import { lifetimeOf } from '../pki/validity.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { parseName } from '../pki/x509/name.ts';
import type { CertificateDescription } from './certificate-description.ts';
import { extensionName, isWeakSignature } from './oid-names.ts';
import { critical, messageOf, type Problem, warning } from './problem.ts';

/** The age from which a certificate that is still valid is pointed out: cli.md "Due", critical. */
const LATE = 0.85;

/** What is wrong with a certificate in itself, whatever it is used for. */
export function certificateProblems(
  certificate: Certificate,
  description: CertificateDescription,
  selfIssued: boolean,
  now: number,
): Problem[] {
  return [
    ...nameProblems(certificate),
    ...timeProblems(certificate, description, now),
    ...signatureProblems(certificate, description, selfIssued),
    ...serialProblems(certificate),
    ...extensionProblems(certificate, description),
  ];
}

/** A key that is too short to trust, in a certificate or a request. */
export function keyProblems(keyType: string): Problem[] {
  const bits = Number(/^rsa(?:-pss)?-(\d+)$/.exec(keyType)?.[1] ?? Number.NaN);
  if (bits < 2048) return [critical('weak-key', `the key is RSA of only ${bits} bits; 2048 is the least`)];
  return keyType === 'dsa' ? [critical('weak-key', 'the key is DSA, which TLS no longer uses')] : [];
}

function nameProblems(certificate: Certificate): Problem[] {
  return (['subject', 'issuer'] as const).flatMap((field) => {
    try {
      parseName(certificate[field]);
      return [];
    } catch (error) {
      return [critical('malformed-name', `${field}: ${messageOf(error)}`)];
    }
  });
}

function timeProblems(certificate: Certificate, { status }: CertificateDescription, now: number): Problem[] {
  const { notBefore, notAfter } = certificate;
  if (notAfter < notBefore) return [critical('validity-reversed', 'it ends before it begins')];
  if (status === 'expired') return [critical('expired', 'it has expired')];
  if (status === 'not-yet-valid') return [critical('not-yet-valid', 'it is not valid yet')];
  if (now - notBefore < LATE * lifetimeOf(notBefore, notAfter)) return [];
  return [warning('ending', `more than ${LATE * 100} % of its lifetime has passed`)];
}

function signatureProblems(
  certificate: Certificate,
  description: CertificateDescription,
  selfIssued: boolean,
): Problem[] {
  const problems = keyProblems(description.keyType);
  if (!equalBytes(certificate.tbsSignature.der, certificate.signatureAlgorithm.der))
    problems.push(
      critical(
        'signature-algorithm-differs',
        'the signature algorithm outside is not the one inside (RFC 5280 §4.1.1.2)',
      ),
    );
  if (description.role === 'root' && selfIssued && !description.selfSigned)
    problems.push(critical('self-signature', 'it names itself as its issuer, but its own key did not sign it'));
  // A root is trusted as it is: nobody relies on its signature.
  if (!description.selfSigned && isWeakSignature(certificate.signatureAlgorithm.oid))
    problems.push(
      critical('weak-signature', `the signature is ${description.signatureAlgorithm}, which can be forged`),
    );
  return problems;
}

function serialProblems({ serialNumber }: Certificate): Problem[] {
  const first = serialNumber[0] as number;
  if (first >= 0x80) return [warning('serial-number', 'the serial number is negative (RFC 5280 §4.1.2.2)')];
  if (serialNumber.every((octet) => octet === 0))
    return [warning('serial-number', 'the serial number is zero (RFC 5280 §4.1.2.2)')];
  return serialNumber.length > 20
    ? [warning('serial-number', 'the serial number is longer than 20 octets (RFC 5280 §4.1.2.2)')]
    : [];
}

function extensionProblems(certificate: Certificate, description: CertificateDescription): Problem[] {
  const problems: Problem[] = [];
  for (const { oid, critical: isCritical } of certificate.extensions)
    if (isCritical && extensionName(oid) === undefined)
      problems.push(
        critical(
          'unknown-critical-extension',
          `extension ${oid} is critical and unknown: whoever verifies must refuse it`,
        ),
      );
  const { keyUsage, role } = description;
  const signsCertificates = keyUsage?.includes('keyCertSign');
  if (role === 'end-entity' && signsCertificates === true)
    problems.push(warning('key-usage', 'keyUsage has keyCertSign, but it is not a CA certificate (RFC 5280 §4.2.1.9)'));
  if (role !== 'end-entity' && signsCertificates === false)
    problems.push(critical('key-usage', 'it is a CA certificate whose keyUsage lacks keyCertSign: it can sign none'));
  const malformed = description.extensions.some((e) => e.name === 'subjectAltName' && e.malformed !== undefined);
  const forTls = description.extendedKeyUsage?.includes('serverAuth') ?? true;
  if (role === 'end-entity' && forTls && description.subjectAltNames.length === 0 && !malformed)
    problems.push(warning('no-subject-alt-name', 'it has no subjectAltName: clients ignore the common name'));
  return problems;
}
