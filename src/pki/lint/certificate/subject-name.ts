import { TAG } from '../../der/tags.ts';
import { attributeText, commonNameOf } from '../../x509/name.ts';
import { subjectOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

/** One common name of 1 to 64 characters (ub-common-name), in UTF8String. */
export const subjectName: CertificateRule = {
  name: 'subject-name',
  source: 'RFC 5280 §4.1.2.6',
  check(certificate) {
    const name = subjectOf(certificate);
    const text = commonNameOf(name);
    if (name.length !== 1 || name[0]?.length !== 1 || text === undefined) return 'the subject is not one common name';
    if (text.length < 1 || (text.length > 64 && [...text].length > 64))
      return 'the common name has not 1 to 64 characters';
    const [attribute] = name[0];
    return attribute?.tag === TAG.utf8String && attributeText(attribute) !== undefined ? undefined : 'not a UTF8String';
  },
};
