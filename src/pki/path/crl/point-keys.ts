import { toHex } from '../../encoding.ts';
import type { DistributionPointName } from '../../x509/distribution-point.ts';
import type { GeneralName } from '../../x509/general-name.ts';
import { parseName } from '../../x509/name.ts';
import { nameKey, rdnKey } from '../names/distinguished-name.ts';
import { normalizeUri } from '../names/uri.ts';

/**
 * Keys of the names of a distribution point, which are equal exactly when the names match (RFC 5280 §4.2.1.13, §7).
 * `base` is the key of the CRL issuer's name, which a relative name continues.
 * @throws DerError
 */
export function pointNameKeys(name: DistributionPointName, base: string): string[] {
  if (name.type === 'fullName') return name.names.map(generalNameKey);
  const rdn = rdnKey(name.rdn);
  return [directoryKey(base === '' ? rdn : `${base}\u0002${rdn}`)];
}

/** The key of one name. @throws DerError */
export function generalNameKey(name: GeneralName): string {
  switch (name.type) {
    case 'directory':
      return directoryKey(nameKey(parseName(name.value)));
    case 'uri':
      return `uri:${normalizeUri(name.value) ?? name.value}`;
    case 'dns':
      return `dns:${name.value.toLowerCase()}`;
    case 'email':
      return `email:${name.value}`;
    default:
      return `${name.type}:${toHex(name.value)}`;
  }
}

/** The key of a directory name, from the key of the name itself. */
export function directoryKey(key: string): string {
  return `directory:${key}`;
}
