import { sha256Hex } from '../crypto/hash.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { encodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { anchorsOf, crlAuthorities } from './hierarchy.ts';
import type { Keystore } from './keystore.ts';
import type { Authority } from './log/bodies.ts';
import { formatHead, type LogState } from './log/state.ts';

/**
 * The trust anchors deployed to nodes, PEM: the roots that the phase wants, then those that an operator has added; none
 * that has ended, because some servers refuse a bundle with an expired one.
 */
export function trustBundle(keystore: Keystore, now: Date): string {
  return bundleAnchors(keystore.state)
    .filter((der) => parseCertificate(der).notAfter + 1000 > now.getTime())
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
}

/** The anchors of the trust bundle, DER, ended ones too. */
export function bundleAnchors(state: LogState): Uint8Array[] {
  return [...anchorsOf(state), ...(state.trusted ?? []).map(({ certificate }) => fromBase64(certificate))];
}

/** The authorities whose CRLs are handed out, in their order in one file: issuing CAs newest first, another PKI's intermediate CAs, roots last. */
export function crlOrder(state: LogState, now: Date): Authority[] {
  const newestFirst = crlAuthorities(state, now).toReversed();
  return (['issuing', 'intermediate', 'root'] as const).flatMap((role) =>
    newestFirst.filter((authority) => authority.role === role),
  );
}

/**
 * Every current CRL, PEM: servers that check CRLs want one for every level, and during a rollover for both hierarchies. A
 * foreign CA's, where they were given, are last.
 */
export async function crlBundle(keystore: Keystore, now: Date): Promise<string> {
  let out = '';
  for (const { id } of crlOrder(keystore.state, now)) out += encodePem('X509 CRL', await keystore.crl(id));
  for (const crl of foreignCrls(keystore.state)) out += encodePem('X509 CRL', crl);
  return out;
}

function foreignCrls(state: LogState): Uint8Array[] {
  const { rollover } = state;
  return rollover?.phase === 'done' ? [] : (rollover?.foreign?.crls ?? []).map((crl) => fromBase64(crl));
}

/** What public/ should hold now, by name. */
export async function publicFiles(keystore: Keystore, now: Date): Promise<Record<string, string>> {
  return {
    'trust-bundle.pem': trustBundle(keystore, now),
    'crl.pem': await crlBundle(keystore, now),
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
