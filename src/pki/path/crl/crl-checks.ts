import { equalBytes } from '../../der/writer.ts';
import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import type { PathContext } from '../context.ts';
import { oidName } from '../decoded-extensions.ts';
import { type PathFailure, pathFailure } from '../failure.ts';
import type { PathCertificate } from '../path-certificate.ts';
import type { PathCrl } from './path-crl.ts';

/** What speaks against a CRL whoever signed it (RFC 5280 §5); the failures are about the certificate it is asked for. */
export function checkCrl(context: PathContext, crl: PathCrl, certificate: PathCertificate): PathFailure[] {
  const { signatureAlgorithm, tbsSignature } = crl.crl;
  const name = crl.subjectText;
  if (!equalBytes(signatureAlgorithm.der, tbsSignature.der))
    return [pathFailure('crl-algorithm-refused', certificate, `the CRL of ${name} names two signature algorithms`)];
  const problem = context.algorithmProblem(signatureAlgorithm);
  if (problem !== undefined) {
    const algorithm = oidName(signatureAlgorithm.oid);
    const why = problem === 'unsupported' ? `${algorithm}, which is not supported` : problem.toUpperCase();
    return [pathFailure('crl-algorithm-refused', certificate, `the CRL of ${name} is signed with ${why}`)];
  }
  try {
    const unknown = [...crl.unknownCritical, ...crl.index.unknownCritical];
    if (unknown.length > 0)
      return [
        pathFailure(
          'crl-extension-unknown-critical',
          certificate,
          `critical extension ${unknown.join(', ')} in the CRL of ${name} is not processed here`,
        ),
      ];
    crl.index.find(certificate.issuerKey, certificate.certificate.serialNumber);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [pathFailure('crl-malformed', certificate, `the CRL of ${name}: ${message}`)];
  }
  return context.strict ? issuerProfile(crl, certificate) : [];
}

/** What RFC 5280 §5 asks of CRL issuers and not of verifiers (`--strict`). */
function issuerProfile(crl: PathCrl, certificate: PathCertificate): PathFailure[] {
  const failures: PathFailure[] = [];
  const name = crl.subjectText;
  const number = findExtension(crl.crl.extensions, OID.cRLNumber);
  if (number === undefined || number.critical) {
    const what = number === undefined ? 'absent' : 'critical';
    failures.push(pathFailure('strict-crl-number', certificate, `the CRL number of ${name} is ${what}`));
  }
  if (crl.crl.emptyList)
    failures.push(
      pathFailure('strict-crl-entries', certificate, `the CRL of ${name} has a list of entries without one`),
    );
  return failures;
}
