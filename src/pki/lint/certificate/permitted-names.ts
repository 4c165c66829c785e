import { OID } from '../../oids.ts';
import { compileConstraints, findViolations } from '../../path/name-constraints/constraints.ts';
import { constrainedNames } from '../../path/name-constraints/names.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { findExtension } from '../../x509/extension.ts';
import { parseNameConstraints } from '../../x509/extensions.ts';
import { altNamesOf, memoized } from '../decoded.ts';
import type { CertificateRule } from '../rule.ts';

const constraintsOf = memoized((issuer: Certificate) => {
  const extension = findExtension(issuer.extensions, OID.nameConstraints);
  return { compiled: extension && compileConstraints(parseNameConstraints(extension.value)) };
});

/** Every name lies inside the issuer's name constraints: verifiers would refuse the certificate otherwise. */
export const permittedNames: CertificateRule = {
  name: 'permitted-names',
  source: 'RFC 5280 §6.1.3 (b), (c)',
  check(certificate, { issuer }) {
    const { compiled } = constraintsOf(issuer);
    if (compiled === undefined || issuer === certificate) return undefined;
    // The subject is one common name, and the constraints of our CAs are of DNS names and addresses.
    const names = constrainedNames([], altNamesOf(certificate));
    return findViolations(compiled, names).length === 0 ? undefined : "a name is outside the issuer's name constraints";
  },
};
