import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseSubjectAltName } from '../../x509/extensions.ts';
import { commonNameOf, parseName } from '../../x509/name.ts';
import type { CertificateRule } from '../rule.ts';

const FORM =
  /^spiffe:\/\/[a-z0-9._-]{1,255}\/(?:node\/([^/]+)\/[^/]+|client\/([^/]+)|role\/[a-z]+\/([^/]+)|probe\/([^/]+))$/;

/** The URI names the same node or client as the common name. URIs are composed here, so the constraints need not hold them. */
export const spiffeId: CertificateRule = {
  name: 'spiffe-id',
  source: 'SPIFFE-ID §2',
  check(certificate) {
    const extension = findExtension(certificate.extensions, OID.subjectAltName);
    if (extension === undefined) return undefined;
    const name = commonNameOf(parseName(certificate.subject));
    for (const { type, value } of parseSubjectAltName(extension.value)) {
      if (type !== 'uri') continue;
      const match = FORM.exec(value);
      if (match === null) return `${JSON.stringify(value)} has not the form of an identity of this CA`;
      if ((match[1] ?? match[2] ?? match[3] ?? match[4]) !== name)
        return 'the URI names another subject than the common name';
    }
    return undefined;
  },
};
