import { ClusterCaError } from '../../errors.ts';
import { keyIdentifier } from '../key-identifier.ts';
import { OID } from '../oids.ts';
import type { CertificateTemplate } from '../template.ts';
import type { Certificate } from '../x509/certificate.ts';
import { type Extension, findExtension } from '../x509/extension.ts';
import { authorityKeyIdentifier, parseSubjectKeyIdentifier, subjectKeyIdentifier } from '../x509/extensions.ts';
import { commonName, encodeName } from '../x509/name.ts';
import type { ProfileInput, ProfileName } from './profile.ts';

/** The issuer of an input that must have one. @throws ClusterCaError ERR_LINT without */
function requireIssuer(input: ProfileInput): Certificate {
  if (input.issuer === undefined) throw new ClusterCaError('ERR_LINT', 'only a root CA has no issuer');
  return input.issuer;
}

/**
 * What every certificate below a CA has in common: its issuer's name as it stands there, and the key identifiers of both
 * (RFC 5280 §4.2.1.1, §4.2.1.2), behind the profile's own extensions.
 */
export function templateBelow(
  input: ProfileInput,
  profile: ProfileName,
  commonNameText: string,
  extensions: Extension[],
  last: Extension[] = [],
): CertificateTemplate {
  const issuer = requireIssuer(input);
  return {
    profile,
    serialNumber: input.serialNumber,
    signatureAlgorithm: input.signatureAlgorithm,
    issuer: issuer.subject,
    ...input.validity,
    subject: encodeName(commonName(commonNameText)),
    publicKey: input.publicKey,
    extensions: [
      ...extensions,
      subjectKeyIdentifier(keyIdentifier(input.publicKey, input.sha256)),
      authorityKeyIdentifierOf(issuer),
      ...last,
    ],
  };
}

const keyIdentifiers = new WeakMap<Certificate, Extension>();

/** The authorityKeyIdentifier that names this issuer's key (RFC 5280 §4.2.1.1). @throws ERR_LINT when the issuer has no subjectKeyIdentifier */
export function authorityKeyIdentifierOf(issuer: Certificate): Extension {
  const known = keyIdentifiers.get(issuer);
  if (known !== undefined) return known;
  const extension = findExtension(issuer.extensions, OID.subjectKeyIdentifier);
  if (extension === undefined) throw new ClusterCaError('ERR_LINT', 'the issuer has no subject key identifier');
  const made = authorityKeyIdentifier(parseSubjectKeyIdentifier(extension.value));
  keyIdentifiers.set(issuer, made);
  return made;
}
