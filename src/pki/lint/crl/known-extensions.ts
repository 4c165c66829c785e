import { OID } from '../../oids.ts';
import type { CrlRule } from '../rule.ts';

const KNOWN: ReadonlySet<string> = new Set([OID.cRLNumber, OID.authorityKeyIdentifier, OID.issuingDistributionPoint]);

export const knownExtensions: CrlRule = {
  name: 'crl-known-extensions',
  source: 'RFC 5280 §5.2',
  check(crl) {
    const unknown = crl.extensions.find((extension) => !KNOWN.has(extension.oid));
    return unknown === undefined ? undefined : `extension ${unknown.oid} is in no profile`;
  },
};
