import { OID } from '../oids.ts';
import type { Certificate } from '../x509/certificate.ts';
import { findExtension } from '../x509/extension.ts';
import { parseSubjectAltName } from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { type Name, parseName } from '../x509/name.ts';

/** Keeps what a function made of the last object: the certificates of a run have one issuer. */
export function memoized<K extends object, V>(make: (key: K) => V): (key: K) => V {
  let last: { key: K; value: V } | undefined;
  return (key) => {
    if (last === undefined || last.key !== key) last = { key, value: make(key) };
    return last.value;
  };
}

/** A value, or why it could not be decoded. */
type Decoded<T> = { value: T } | { error: unknown };

/** The names of the certificate that is being linted: several rules ask for them. */
let current: { of: Certificate; altNames: Decoded<GeneralName[]>; subject: Decoded<Name> } | undefined;

/** Decodes the names of a certificate, before its rules are applied. What does not decode is found by the rules that ask for it. */
export function decodeNames(certificate: Certificate): void {
  current = {
    of: certificate,
    altNames: decoded(() => {
      const extension = findExtension(certificate.extensions, OID.subjectAltName);
      return extension === undefined ? [] : parseSubjectAltName(extension.value);
    }),
    subject: decoded(() => parseName(certificate.subject)),
  };
}

function decoded<T>(decode: () => T): Decoded<T> {
  try {
    return { value: decode() };
  } catch (error) {
    return { error };
  }
}

/** The names of a certificate's subjectAltName, none without one. @throws DerError */
export function altNamesOf(certificate: Certificate): GeneralName[] {
  return resultOf(namesOf(certificate).altNames);
}

/** A certificate's subject, decoded. @throws DerError */
export function subjectOf(certificate: Certificate): Name {
  return resultOf(namesOf(certificate).subject);
}

function namesOf(certificate: Certificate): NonNullable<typeof current> {
  if (current?.of !== certificate) decodeNames(certificate);
  return current as NonNullable<typeof current>;
}

function resultOf<T>(result: Decoded<T>): T {
  if ('value' in result) return result.value;
  throw result.error;
}
