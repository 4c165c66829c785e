import { equalBytes } from '../../der/writer.ts';
import { OID } from '../../oids.ts';
import { findExtension } from '../../x509/extension.ts';
import type { PathCrl } from './path-crl.ts';

/** Whether the delta CRL may be combined with the complete CRL (RFC 5280 §5.2.4 and §6.3.3(c)). */
export function deltaFits(delta: PathCrl, complete: PathCrl): boolean {
  if (delta.baseNumber === undefined || delta.number === undefined || complete.number === undefined) return false;
  return (
    complete.number >= delta.baseNumber &&
    complete.number <= delta.number &&
    sameScope(delta, complete) &&
    sameExtension(delta, complete, OID.authorityKeyIdentifier)
  );
}

/** Whether two CRLs have the same issuer and scope, and so one sequence of numbers (RFC 5280 §5.2.3). */
export function sameScope(a: PathCrl, b: PathCrl): boolean {
  return a.issuerKey === b.issuerKey && sameExtension(a, b, OID.issuingDistributionPoint);
}

function sameExtension(a: PathCrl, b: PathCrl, oid: string): boolean {
  const left = findExtension(a.crl.extensions, oid)?.value;
  const right = findExtension(b.crl.extensions, oid)?.value;
  return left === undefined || right === undefined ? left === right : equalBytes(left, right);
}
