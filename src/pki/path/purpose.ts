import { OID } from '../oids.ts';
import type { KeyUsageName } from '../x509/extensions.ts';
import type { Purpose } from './options.ts';

/** Key usages of which a TLS server or client needs one, where the extension is present (RFC 5280 §4.2.1.12). */
const NEEDED: ReadonlyMap<string, readonly KeyUsageName[]> = new Map<string, readonly KeyUsageName[]>([
  [OID.serverAuth, ['digitalSignature', 'keyEncipherment', 'keyAgreement']],
  [OID.clientAuth, ['digitalSignature', 'keyAgreement']],
]);

/** The object identifier of a purpose; undefined when extended key usage is not examined. */
export function purposeOid(purpose: Purpose): string | undefined {
  if (purpose === 'any') return undefined;
  if (purpose === 'server') return OID.serverAuth;
  return purpose === 'client' ? OID.clientAuth : purpose;
}

/** Whether an extended key usage extension allows a purpose; an absent one does (RFC 5280 §4.2.1.12). */
export function allowsPurpose(extKeyUsage: readonly string[] | undefined, purpose: string): boolean {
  return extKeyUsage === undefined || extKeyUsage.includes(purpose) || extKeyUsage.includes(OID.anyExtendedKeyUsage);
}

/** Which key usages a purpose needs one of, when the key usage given has none of them. */
export function missingKeyUsage(
  keyUsage: ReadonlySet<KeyUsageName> | undefined,
  purpose: string,
): readonly KeyUsageName[] | undefined {
  const needed = NEEDED.get(purpose);
  if (keyUsage === undefined || needed === undefined) return undefined;
  return needed.some((usage) => keyUsage.has(usage)) ? undefined : needed;
}
