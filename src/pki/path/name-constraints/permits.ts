import type { NameConstraints } from '../../x509/extensions.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import type { Name } from '../../x509/name.ts';
import { compileConstraints, findViolations, type NameViolation } from './constraints.ts';
import { constrainedNames } from './names.ts';

/**
 * Which of the names of a certificate to be issued a CA's name constraints forbid (RFC 5280 §4.2.1.10); none of them
 * when the list is empty. `subject` is left out for a certificate whose subject is to be empty.
 * @throws SubtreeError when the constraints themselves are malformed
 */
export function permits(
  constraints: NameConstraints,
  names: { altNames: readonly GeneralName[]; subject?: Name },
): NameViolation[] {
  return findViolations(compileConstraints(constraints), constrainedNames(names.subject ?? [], names.altNames));
}
