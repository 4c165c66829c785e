import { DerReader } from '../der/reader.ts';
import { contextTag, TAG } from '../der/tags.ts';
import { formatName, parseName } from '../x509/name.ts';

/** The subject of a certificate, or the issuer of a CRL, that cannot be decoded as a whole; '' where it cannot be read. */
export function legibleName(der: Uint8Array, kind: 'certificate' | 'crl'): string {
  try {
    const fields = new DerReader(der).enter().enter();
    if (kind === 'certificate') {
      fields.enterOptional(contextTag(0, true));
      fields.content(TAG.integer);
      for (let before = 0; before < 3; before++) fields.content(TAG.sequence);
    } else {
      fields.contentOptional(TAG.integer);
      fields.content(TAG.sequence);
    }
    return formatName(parseName(fields.raw(TAG.sequence)));
  } catch {
    return '';
  }
}
