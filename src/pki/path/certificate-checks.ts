import { equalBytes } from '../der/writer.ts';
import { isSigningKey, pointHasY, rsaBits } from './algorithms.ts';
import type { PathContext } from './context.ts';
import { oidName } from './decoded-extensions.ts';
import { type PathFailure, pathFailure } from './failure.ts';
import { formatTime } from './format-time.ts';
import type { PathCertificate } from './path-certificate.ts';
import { mapsAnyPolicy } from './policies.ts';
import type { Position } from './position.ts';
import { Report } from './report.ts';
import { issuerProfile } from './strict.ts';

/** Everything that can be said of a certificate without the rest of its path (RFC 5280 §6.1.3, §6.1.4, §4.2). */
export function checkCertificate(context: PathContext, certificate: PathCertificate, position: Position): Report {
  return context.reportOf(certificate, position, () => check(context, certificate, position));
}

function check(context: PathContext, certificate: PathCertificate, position: Position): Report {
  const report = new Report();
  report.add('decoding', certificate, malformedExtensions(certificate));
  report.add('critical extensions', certificate, unknownCritical(certificate));
  report.add('algorithm', certificate, algorithm(context, certificate));
  report.add('public key', certificate, publicKey(context, certificate, position));
  report.add('validity', certificate, validity(context, certificate));
  if (position !== 'target') {
    report.add('basic constraints', certificate, basicConstraints(certificate));
    report.add('key usage', certificate, keyUsage(certificate));
  }
  if (position === 'intermediate') {
    const failures = policyMappings(certificate);
    if (failures.length > 0) report.add('policies', certificate, failures);
  }
  if (context.strict) report.add('issuer profile', certificate, issuerProfile(context, certificate, position));
  return report;
}

function malformedExtensions(certificate: PathCertificate): PathFailure[] {
  return certificate.extensions.malformed.map(({ oid, code, problem }) =>
    pathFailure(code, certificate, `${oidName(oid)}: ${problem}`),
  );
}

function unknownCritical(certificate: PathCertificate): PathFailure[] {
  return certificate.extensions.unknownCritical.map((oid) =>
    pathFailure('extension-unknown-critical', certificate, `critical extension ${oidName(oid)} is not processed here`),
  );
}

/** Of an anchor only the contradiction counts: its signature proves nothing (RFC 5280 §6.1.1(d)). */
function algorithm(context: PathContext, certificate: PathCertificate): PathFailure[] {
  const { signatureAlgorithm, tbsSignature } = certificate.certificate;
  if (!equalBytes(signatureAlgorithm.der, tbsSignature.der))
    return [
      pathFailure(
        'signature-algorithm-mismatch',
        certificate,
        `signed part names ${tbsSignature.oid}, the certificate ${signatureAlgorithm.oid}, or their parameters differ`,
      ),
    ];
  const problem = certificate.role === 'anchor' ? undefined : context.algorithmProblem(signatureAlgorithm);
  if (problem === undefined) return [];
  if (problem === 'unsupported')
    return [
      pathFailure(
        'signature-algorithm-unsupported',
        certificate,
        `signature algorithm ${oidName(signatureAlgorithm.oid)} is not supported`,
      ),
    ];
  return [
    pathFailure(
      'signature-algorithm-insecure',
      certificate,
      `signed with ${problem === 'md5' ? 'MD5' : 'SHA-1'}`,
      `replace the certificate, or accept it: --insecure-allow-${problem}`,
    ),
  ];
}

/** An RSA key is measured before its exponent is looked at, so that no exponent hides a small one (RFC 8017 §3.1). */
function publicKey(context: PathContext, certificate: PathCertificate, position: Position): PathFailure[] {
  const bits = rsaBits(certificate.certificate.publicKey);
  if (bits !== undefined && bits < 2048 && !context.allows('small-rsa'))
    return [pathFailure('key-too-small', certificate, `RSA key of ${bits} bits`)];
  if (certificate.keyShape !== undefined && (position !== 'target' || pointHasY(certificate.certificate.publicKey)))
    return [];
  return unusableKey(certificate, position);
}

/** Nothing is verified with the target's key: of a type that is not known here it is accepted (RFC 5280 §6.1.5). */
function unusableKey(certificate: PathCertificate, position: Position): PathFailure[] {
  const { publicKey: key } = certificate.certificate;
  if (position === 'target' && !isSigningKey(key)) return [];
  const message = `public key of type ${oidName(key.algorithm.oid)} is malformed or not supported`;
  return [pathFailure('key-unsupported', certificate, message)];
}

/** Inclusive of both ends (RFC 5280 §4.1.2.5). */
function validity(context: PathContext, certificate: PathCertificate): PathFailure[] {
  const { notBefore, notAfter } = certificate.certificate;
  if (context.at < notBefore)
    return [
      pathFailure(
        'not-yet-valid',
        certificate,
        `valid from ${formatTime(notBefore)}, and it is ${formatTime(context.at)}`,
      ),
    ];
  if (context.at > notAfter)
    return [
      pathFailure('expired', certificate, `valid until ${formatTime(notAfter)}, and it is ${formatTime(context.at)}`),
    ];
  return [];
}

/** Versions 1 and 2 cannot say that they are CAs: accepted for anchors only (RFC 5280 §6.1.4(k)). */
function basicConstraints(certificate: PathCertificate): PathFailure[] {
  if (certificate.role === 'anchor' && certificate.certificate.version < 3) return [];
  const constraints = certificate.extensions.basicConstraints;
  if (constraints?.cA === true) return [];
  const why = constraints === undefined ? 'it has no basic constraints' : 'its basic constraints say cA FALSE';
  return [pathFailure('not-a-ca', certificate, `used as an issuer, but ${why}`)];
}

function keyUsage(certificate: PathCertificate): PathFailure[] {
  const usages = certificate.extensions.keyUsage;
  if (usages === undefined || usages.has('keyCertSign')) return [];
  return [
    pathFailure(
      'key-usage-cert-sign',
      certificate,
      `used as an issuer, but its key usage is ${[...usages].join(', ') || 'empty'}`,
    ),
  ];
}

function policyMappings(certificate: PathCertificate): PathFailure[] {
  const { policyMappings: mappings } = certificate.extensions;
  return mappings !== undefined && mapsAnyPolicy(mappings)
    ? [pathFailure('policy-mapping-any', certificate, 'maps a policy from or to anyPolicy')]
    : [];
}
