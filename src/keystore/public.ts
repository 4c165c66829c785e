import { sha256Hex } from '../crypto/hash.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Keystore } from './keystore.ts';
import type { Authority } from './log/bodies.ts';
import { formatHead } from './log/state.ts';

/** The trust anchors deployed to nodes, PEM: every root that has not ended, because some servers refuse a bundle with an expired one. */
export function trustBundle(keystore: Keystore, now: Date): string {
  return keystore.state.authorities
    .filter((authority) => authority.role === 'root')
    .map((authority) => fromBase64(authority.certificate))
    .filter((der) => parseCertificate(der).notAfter + 1000 > now.getTime())
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
}

/** The authorities in the order of their CRLs in one file: issuing CAs newest first, roots last. */
export function crlOrder(authorities: readonly Authority[]): Authority[] {
  const newestFirst = authorities.toReversed();
  return [
    ...newestFirst.filter((authority) => authority.role === 'issuing'),
    ...newestFirst.filter((authority) => authority.role === 'root'),
  ];
}

/** Every current CRL, PEM: servers that check CRLs want one for every level. */
export async function crlBundle(keystore: Keystore): Promise<string> {
  let out = '';
  for (const { id } of crlOrder(keystore.state.authorities)) out += encodePem('X509 CRL', await keystore.crl(id));
  return out;
}

/** What public/ should hold now, by name. */
export async function publicFiles(keystore: Keystore, now: Date): Promise<Record<string, string>> {
  return {
    'trust-bundle.pem': trustBundle(keystore, now),
    'crl.pem': await crlBundle(keystore),
    head: `${formatHead(keystore.state)}\n`,
  };
}

/** Rewrites the files of public/ that are not what they should be. */
export async function writePublic(keystore: Keystore, now: Date): Promise<void> {
  for (const [name, content] of Object.entries(await publicFiles(keystore, now))) {
    const bytes = new TextEncoder().encode(content);
    const there = await keystore.store.readBlob('public', name);
    const hash = there === undefined ? undefined : sha256Hex(there);
    if (hash !== sha256Hex(bytes)) await keystore.store.replaceBlob('public', name, hash, bytes);
  }
}
