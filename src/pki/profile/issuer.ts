import { ClusterCaError } from '../../errors.ts';
import { OID } from '../oids.ts';
import type { Certificate } from '../x509/certificate.ts';
import { type Extension, findExtension } from '../x509/extension.ts';
import { authorityKeyIdentifier, parseSubjectKeyIdentifier } from '../x509/extensions.ts';
import type { ProfileInput } from './profile.ts';

/** The issuer of an input that must have one. @throws ClusterCaError ERR_LINT without */
export function requireIssuer(input: ProfileInput): Certificate {
  if (input.issuer === undefined) throw new ClusterCaError('ERR_LINT', 'only a root CA has no issuer');
  return input.issuer;
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
