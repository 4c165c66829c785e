import { commonNameOf } from '../../x509/name.ts';
import { altNamesOf, subjectOf } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

const FORM =
  /^spiffe:\/\/[a-z0-9._-]{1,255}\/(?:node\/([^/]+)\/[^/]+|client\/([^/]+)|role\/[a-z]+\/([^/]+)|probe\/([^/]+))$/;

/** The URI names the same node or client as the common name. URIs are composed here, so the constraints need not hold them. */
export const spiffeId: CertificateRule = {
  name: 'spiffe-id',
  source: 'SPIFFE-ID §2',
  check(certificate) {
    const name = commonNameOf(subjectOf(certificate));
    for (const { type, value } of altNamesOf(certificate)) {
      if (type !== 'uri') continue;
      const match = FORM.exec(value);
      if (match === null) return `${JSON.stringify(value)} has not the form of an identity of this CA`;
      if ((match[1] ?? match[2] ?? match[3] ?? match[4]) !== name)
        return 'the URI names another subject than the common name';
    }
    return undefined;
  },
};
