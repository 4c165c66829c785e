import { toHex } from '../../encoding.ts';
import { type Attribute, attributeText, type Name, parseName } from '../../x509/name.ts';
import { prepareString } from './string-prep.ts';

/**
 * A key for each RDN of a name; two RDNs match by RFC 5280 §7.1 exactly when their keys are equal, whatever their
 * string types and the order of their attributes.
 */
export function rdnKeys(name: Name): string[] {
  return name.map(rdnKey);
}

/** The key of one RDN. Prepared text holds no control character, so U+0000 to U+0002 can separate. */
export function rdnKey(rdn: readonly Attribute[]): string {
  if (rdn.length === 1) return attributeKey(rdn[0] as Attribute);
  return rdn.map(attributeKey).toSorted().join('\u0001');
}

function attributeKey(attribute: Attribute): string {
  const text = attributeText(attribute);
  return text === undefined || text.includes('\ufffd')
    ? `${attribute.type}\u0000${attribute.tag}#${toHex(attribute.content)}`
    : `${attribute.type}\u0000=${prepareString(text)}`;
}

/** The key of a whole name (RFC 5280 §7.1). */
export function nameKey(name: Name): string {
  return rdnKeys(name).join('\u0002');
}

/** Whether two encoded names match (RFC 5280 §7.1). @throws DerError for one that is malformed */
export function namesMatch(a: Uint8Array, b: Uint8Array): boolean {
  return nameKey(parseName(a)) === nameKey(parseName(b));
}

/** Whether `base` is `name` or above it in the directory tree (RFC 5280 §4.2.1.10). */
export function isWithin(name: readonly string[], base: readonly string[]): boolean {
  return base.length <= name.length && base.every((rdn, i) => rdn === name[i]);
}
