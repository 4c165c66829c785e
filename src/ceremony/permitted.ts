import { DEFAULT_RANGES } from '../authority/constraints.ts';
import { OID } from '../pki/oids.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { findExtension } from '../pki/x509/extension.ts';
import { parseNameConstraints } from '../pki/x509/extensions.ts';
import { formatIp, parseCidr } from '../pki/x509/ip.ts';

/** What a CA may certify, by the very octets that are signed. */
export interface Permitted {
  names: string[];
  ranges: string[];
  /** What is wider than a cluster of its own needs. */
  wide: string[];
}

/** Reads the name constraints of an issuing CA (RFC 5280 §4.2.1.10). @throws DerError */
export function permittedBy({ extensions }: Certificate): Permitted {
  const extension = findExtension(extensions, OID.nameConstraints);
  const permitted: Permitted = { names: [], ranges: [], wide: [] };
  if (extension === undefined) return { ...permitted, wide: ['every name and address: there are no name constraints'] };
  for (const { base } of parseNameConstraints(extension.value).permitted) {
    if (base.type === 'dns') {
      permitted.names.push(base.value);
      if (!base.value.includes('.') && base.value !== 'localhost')
        permitted.wide.push(`"${base.value}" is one label: every name below it may be certified`);
    }
    if (base.type === 'ip') {
      permitted.ranges.push(formatIp(base.value));
      if (!PRIVATE.some((outer) => isInside(base.value, outer)))
        permitted.wide.push(`${formatIp(base.value)} is not of the private ranges`);
    }
  }
  return permitted;
}

const PRIVATE = DEFAULT_RANGES.map((cidr) => parseCidr(cidr) as Uint8Array);

/** Whether a range, address then mask, lies in another. */
function isInside(inner: Uint8Array, outer: Uint8Array): boolean {
  const half = outer.length / 2;
  return (
    inner.length === outer.length &&
    outer.every((octet, i) => {
      const mask = outer[i < half ? i + half : i] as number;
      return ((inner[i] as number) & mask) === octet;
    })
  );
}
