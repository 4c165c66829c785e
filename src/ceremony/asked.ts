import { constraintsFor } from '../authority/constraints.ts';
import { auditName, issuingName, rootName } from '../authority/names.ts';
import { prepareNextCrl, type UnsignedCrl } from '../authority/sign-crl.ts';
import { auditCertificate, crossCertificate, issuingCa, rootCa } from '../authority/templates.ts';
import { tampered } from '../keystore/canonical.ts';
import type { Identity } from '../keystore/identity.ts';
import { fromBase64, fromHex } from '../pki/encoding.ts';
import type { CertificateTemplate } from '../pki/template.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import type { CeremonyRequest, NewCa } from './documents.ts';

/** One certificate that a request asks for. */
export interface AskedCertificate {
  what: string;
  template: CertificateTemplate;
  /** Undefined: itself. */
  issuer: Certificate | undefined;
  /** Whose key signs: the root's that is asked, or the new root's. */
  by: 'asked' | 'new';
}

/**
 * Goes through the certificates that a request asks for, in their order. Each follows from the request, the new root's
 * public key and those before it alone, octet for octet: so what is signed there can be compared here.
 * @param spki the new root's key
 * @param use signs it, or brings the one that was signed
 */
export async function askedCertificates(
  { auditKey }: Identity,
  request: CeremonyRequest,
  spki: Uint8Array | undefined,
  use: (asked: AskedCertificate) => Promise<Certificate>,
): Promise<Certificate[]> {
  const { ca, authority, cluster, type } = request;
  if (ca === undefined) return [];
  const now = new Date(request.createdAt);
  const old = { certificate: parseCertificate(fromBase64(authority.certificate)), keyType: authority.keyType };
  const { generation, keyType } = ca;
  const issuing = {
    now,
    name: issuingName(cluster, generation, ca.number),
    lifetime: ca.issuingLifetime,
    serialNumber: serialOf(ca, type === 'root' ? 1 : 0),
  };
  const constraints = constraintsFor(ca.domains, ca.permitIp);
  const key = fromBase64(ca.spki);
  if (type === 'issuing') {
    const template = issuingCa(issuing, key, old, constraints);
    return [await use({ what: 'issuing CA', template, issuer: old.certificate, by: 'asked' })];
  }
  if (spki === undefined) throw new Error('a new root has a key');
  const name = rootName(cluster, generation);
  const lifetime = ca.rootLifetime;
  const template = rootCa({ now, name, lifetime, serialNumber: serialOf(ca, 0) }, { keyType, spki });
  const root = await use({ what: 'root CA', template, issuer: undefined, by: 'new' });
  const fresh = { certificate: root, keyType };
  const below = (what: string, of: CertificateTemplate): AskedCertificate => ({
    what,
    template: of,
    issuer: root,
    by: 'new',
  });
  const cross = crossCertificate({ now, name, serialNumber: serialOf(ca, 2) }, root, old);
  const audit = { now, name: auditName(cluster, generation), lifetime, serialNumber: serialOf(ca, 3) };
  return [
    root,
    await use(below('issuing CA', issuingCa(issuing, key, fresh, constraints))),
    await use({ what: 'the new root by the old', template: cross, issuer: old.certificate, by: 'asked' }),
    await use(below('audit key', auditCertificate(audit, fromBase64(auditKey), fresh))),
  ];
}

/** The first CRL of a new root: it holds as long as the issuing CA below it. */
export function firstRootCrl(
  { createdAt, ca }: CeremonyRequest,
  [root, issuing]: readonly Certificate[],
): UnsignedCrl & { authority: string; issuer: Certificate } {
  if (ca === undefined || root === undefined || issuing === undefined) throw tampered('no root is asked for');
  const now = new Date(createdAt);
  const authority = `root-g${ca.generation}`;
  const lifetime = Math.floor((issuing.notAfter - now.getTime()) / 1000);
  const about = { authority, issuer: root, keyType: ca.keyType, revoked: [], now, lifetime };
  return { ...prepareNextCrl(about), authority, issuer: root };
}

function serialOf({ serials }: NewCa, at: number): Uint8Array {
  const serial = serials[at];
  if (serial === undefined) throw tampered('a serial number is missing in the request');
  return fromHex(serial);
}
