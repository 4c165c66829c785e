import { readDer } from '../der/reader.ts';
import { type GeneralName, readGeneralName } from './general-name.ts';

/** Where something about the issuer can be had (RFC 5280 §4.2.2.1). */
export interface AccessDescription {
  accessMethod: string;
  accessLocation: GeneralName;
}

/** Decodes authorityInfoAccess: at least one description. @throws DerError */
export function parseAuthorityInfoAccess(value: Uint8Array): AccessDescription[] {
  return readDer(value, (reader) => {
    const descriptions: AccessDescription[] = [];
    const list = reader.enter();
    do {
      const description = list.enter();
      descriptions.push({ accessMethod: description.oid(), accessLocation: readGeneralName(description) });
      description.end();
    } while (!list.done);
    return descriptions;
  });
}

/** Decodes an OCSP responder's id-pkix-ocsp-nocheck, which is NULL (RFC 6960 §4.2.2.2.1). @throws DerError */
export function parseOcspNoCheck(value: Uint8Array): void {
  readDer(value, (reader) => reader.null());
}
