import { type DerReader, readDer } from '../pki/der/reader.ts';
import { contextTag } from '../pki/der/tags.ts';
import { formatGeneralName, readGeneralNames } from '../pki/x509/general-name.ts';
import { parseAuthorityInfoAccess } from '../pki/x509/information-access.ts';

/** One entry of authorityInfoAccess. */
export interface AccessDescription {
  method: string;
  location: string;
}

const METHODS: Record<string, string> = { '1.3.6.1.5.5.7.48.1': 'ocsp', '1.3.6.1.5.5.7.48.2': 'caIssuers' };

/** The names of every distribution point (RFC 5280 §4.2.1.13), as text. @throws DerError */
export function distributionPointNames(value: Uint8Array): string[] {
  return readDer(value, (reader) => {
    const names: string[] = [];
    const points = reader.enter();
    do {
      const point = points.enter();
      const name = point.enterOptional(contextTag(0, true));
      if (name !== undefined) names.push(...fullName(name));
      while (!point.done) point.raw();
    } while (!points.done);
    return names;
  });
}

/** The names of an issuingDistributionPoint (RFC 5280 §5.2.5) and what it limits the CRL to. @throws DerError */
export function issuingDistributionPointOf(value: Uint8Array): { names: string[]; scope: string[] } {
  const flags: Record<number, string> = {
    [contextTag(1, false)]: 'onlyContainsUserCerts',
    [contextTag(2, false)]: 'onlyContainsCACerts',
    [contextTag(3, false)]: 'onlySomeReasons',
    [contextTag(4, false)]: 'indirectCRL',
    [contextTag(5, false)]: 'onlyContainsAttributeCerts',
  };
  return readDer(value, (reader) => {
    const inner = reader.enter();
    const name = inner.enterOptional(contextTag(0, true));
    const names = name === undefined ? [] : fullName(name);
    const scope: string[] = [];
    while (!inner.done) {
      const flag = flags[inner.peek()];
      inner.raw();
      if (flag !== undefined) scope.push(flag);
    }
    return { names, scope };
  });
}

/** RFC 5280 §4.2.2.1, as text. @throws DerError */
export function accessDescriptions(value: Uint8Array): AccessDescription[] {
  return parseAuthorityInfoAccess(value).map(({ accessMethod, accessLocation }) => ({
    method: METHODS[accessMethod] ?? accessMethod,
    location: formatGeneralName(accessLocation),
  }));
}

/** The policies of RFC 5280 §4.2.1.4 without their qualifiers. @throws DerError */
export function policyIdentifiers(value: Uint8Array): string[] {
  return readDer(value, (reader) => {
    const policies: string[] = [];
    const inner = reader.enter();
    do {
      const policy = inner.enter();
      policies.push(policy.oid());
      if (!policy.done) policy.raw(0x30);
      policy.end();
    } while (!inner.done);
    return policies;
  });
}

/** A DistributionPointName: its full names; a name relative to the CRL issuer has no text of its own. */
function fullName(name: DerReader): string[] {
  const full = name.enterOptional(contextTag(0, true));
  return full === undefined ? ['(relative to the issuer)'] : readGeneralNames(full).map(formatGeneralName);
}
