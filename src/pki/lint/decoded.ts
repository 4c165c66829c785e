import { OID } from '../oids.ts';
import type { ProfileName } from '../profile/profile.ts';
import type { Certificate } from '../x509/certificate.ts';
import { findExtension } from '../x509/extension.ts';
import { parseSubjectAltName } from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { type Name, parseName } from '../x509/name.ts';

/** Keeps what a function made of an object for as long as the object lives: rules ask for the same things. */
export function memoized<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/** The names of a certificate's subjectAltName, none without one. @throws DerError */
export const altNamesOf: (certificate: Certificate) => GeneralName[] = memoized((certificate) => {
  const extension = findExtension(certificate.extensions, OID.subjectAltName);
  return extension === undefined ? [] : parseSubjectAltName(extension.value);
});

/** A certificate's subject, decoded. @throws DerError */
export const subjectOf: (certificate: Certificate) => Name = memoized((certificate) => parseName(certificate.subject));

/** True for the profiles whose certificates are end-entities with an identity in the subjectAltName. */
export function hasIdentity(profile: ProfileName): boolean {
  return profile === 'peer' || profile === 'server' || profile === 'client' || profile === 'probe';
}
