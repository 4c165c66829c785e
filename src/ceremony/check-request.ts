import { rootName } from '../authority/names.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { tampered } from '../keystore/canonical.ts';
import type { Authority } from '../keystore/log/parts.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { commonName, encodeName } from '../pki/x509/name.ts';
import { keyTypeOf } from '../pki/x509/public-key.ts';
import { checkNewCa } from './check-new-ca.ts';
import { checkCrl } from './crl-content.ts';
import type { CeremonyKind, CeremonyRequest } from './request-shape.ts';

// The audit key signs requests, so whoever holds the daily secret can write any (S2 in SECURITY.md). What the root's holder
// is shown, and what is done then, must be one thing: each member is held against the others here, on both machines.

const verify = createVerifySignature();

type Member = 'tbs' | 'ca' | 'destroyed';
const MEMBERS: readonly Member[] = ['tbs', 'ca', 'destroyed'];

/** What each kind asks for: what it must have, and may. Anything else would be done under another kind's name. */
const ASKS: Record<CeremonyKind, { must: Member; may?: Member }> = {
  crl: { must: 'tbs' },
  issuing: { must: 'ca', may: 'tbs' },
  root: { must: 'ca' },
  'last-crl': { must: 'tbs' },
  destroy: { must: 'destroyed' },
};

/** Refuses a request that says one thing and asks for another. @throws ERR_KEYSTORE_TAMPERED, ERR_USAGE, ERR_LINT, DerError */
export function checkRequest(request: CeremonyRequest): void {
  const { v, type, cluster, authority, slots } = request;
  if (v !== 1) throw tampered(`requests of version ${v} are not known`);
  const { must, may } = ASKS[type];
  for (const member of MEMBERS) {
    if (request[member] === undefined && member === must)
      throw tampered(`a request of the kind ${type} lacks ${member}`);
    if (request[member] !== undefined && member !== must && member !== may)
      throw tampered(`a request of the kind ${type} has no place for ${member}`);
  }
  if (slots.some(({ domain }) => domain !== 'root')) throw tampered('a slot of another domain does not open a root');
  if (new Set(slots.map(({ id }) => id)).size < slots.length) throw tampered('a slot is named twice');
  const own = rootCertificate(cluster, authority);
  checkCrl(request, own);
  checkNewCa(request, own);
  checkDestroyed(request, own);
}

/**
 * The certificate of a root that a request names: self-signed, of this name, generation and key type. So nobody but the
 * holder of that key can have made it, and its fingerprint says which key is meant.
 */
export function rootCertificate(cluster: string, { id, role, generation, keyType, ...of }: Authority): Certificate {
  const certificate = parseCertificate(fromBase64(of.certificate));
  const { subject, issuer, publicKey, signatureAlgorithm, tbs, signature } = certificate;
  const name = encodeName(commonName(rootName(cluster, generation)));
  if (role !== 'root' || of.sealed.domain !== 'root' || id !== `root-g${generation}`)
    throw tampered(`${id} is no root`);
  if (!equalBytes(subject, name) || !equalBytes(issuer, name) || keyTypeOf(publicKey) !== keyType)
    throw tampered(`the certificate of ${id} is another's`);
  if (!verify(publicKey, signatureAlgorithm, tbs, signature))
    throw tampered(`the certificate of ${id} is not signed by its own key`);
  return certificate;
}

function checkDestroyed({ cluster, authority, destroyed }: CeremonyRequest, own: Certificate): void {
  if (destroyed?.length === 0) throw tampered('no key is named that was destroyed');
  const keys = [own.publicKey.der];
  const places = [authority.sealed.keyId];
  for (const root of destroyed ?? []) {
    const { publicKey } = rootCertificate(cluster, root);
    if (places.includes(root.sealed.keyId) || keys.some((key) => equalBytes(key, publicKey.der)))
      throw tampered(`the key of ${root.id} is the one that signs, or is named twice`);
    keys.push(publicKey.der);
    places.push(root.sealed.keyId);
  }
}
