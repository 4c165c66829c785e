import { auditPurpose } from './certificate/audit-purpose.ts';
import { authorityKeyIdentifier } from './certificate/authority-key-identifier.ts';
import { basicConstraints } from './certificate/basic-constraints.ts';
import { dnsSyntax } from './certificate/dns-syntax.ts';
import { duplicateNames } from './certificate/duplicate-names.ts';
import { extendedKeyUsage } from './certificate/ext-key-usage.ts';
import { ipLength } from './certificate/ip-length.ts';
import { issuerName } from './certificate/issuer-name.ts';
import { keyUsage } from './certificate/key-usage.ts';
import { knownExtensions } from './certificate/known-extensions.ts';
import { nameConstraints } from './certificate/name-constraints.ts';
import { permittedNames } from './certificate/permitted-names.ts';
import { publicKey } from './certificate/public-key.ts';
import { rsaExponent } from './certificate/rsa-exponent.ts';
import { serialNumber } from './certificate/serial-number.ts';
import { signatureAlgorithm } from './certificate/signature-algorithm.ts';
import { size } from './certificate/size.ts';
import { spiffeId } from './certificate/spiffe-id.ts';
import { subjectAltName } from './certificate/subject-alt-name.ts';
import { subjectKeyIdentifier } from './certificate/subject-key-identifier.ts';
import { subjectName } from './certificate/subject-name.ts';
import { validity } from './certificate/validity.ts';
import { version } from './certificate/version.ts';
import { withinIssuer } from './certificate/within-issuer.ts';
import type { CertificateRule } from './rule.ts';

/** Every rule a certificate must pass before it is signed. */
export const CERTIFICATE_RULES: readonly CertificateRule[] = [
  version,
  serialNumber,
  signatureAlgorithm,
  issuerName,
  validity,
  withinIssuer,
  subjectName,
  publicKey,
  rsaExponent,
  basicConstraints,
  keyUsage,
  extendedKeyUsage,
  auditPurpose,
  subjectAltName,
  duplicateNames,
  dnsSyntax,
  ipLength,
  spiffeId,
  permittedNames,
  subjectKeyIdentifier,
  authorityKeyIdentifier,
  nameConstraints,
  knownExtensions,
  size,
];
