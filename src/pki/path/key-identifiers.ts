import { equalBytes } from '../der/writer.ts';
import { toHex } from '../encoding.ts';
import { type PathFailure, pathFailure } from './failure.ts';
import type { PathCertificate } from './path-certificate.ts';

/** Octets of a key identifier that are shown; one by SHA-1 has as many. */
const SHOWN = 20;

/**
 * What tells that a certificate's authority key identifier is not its issuer's subject key identifier (RFC 5280
 * §4.2.1.1, §4.2.1.2); undefined when they are the same or one is absent. No rule for verifiers, and yet OpenSSL
 * takes no certificate for the issuer then.
 */
export function differingKeyIdentifiers(certificate: PathCertificate, issuer: PathCertificate): string | undefined {
  const named = certificate.extensions.authorityKeyIdentifier?.keyIdentifier;
  const has = issuer.extensions.subjectKeyIdentifier;
  if (named === undefined || has === undefined || equalBytes(named, has)) return undefined;
  return `its authority key identifier is ${shown(named)}, the subject key identifier of its issuer ${shown(has)}`;
}

/** The same as a failure, for `--strict`. */
export function keyIdentifierFailures(certificate: PathCertificate, issuer: PathCertificate): PathFailure[] {
  const problem = differingKeyIdentifiers(certificate, issuer);
  return problem === undefined ? [] : [pathFailure('strict-aki', certificate, problem)];
}

function shown(identifier: Uint8Array): string {
  return `${toHex(identifier.subarray(0, SHOWN))}${identifier.length > SHOWN ? '…' : ''}`;
}
