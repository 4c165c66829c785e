import { REVOCATION_REASONS } from '../../pki/revocation-reason.ts';
import { KEY_TYPES } from '../../pki/x509/algorithm.ts';
import { base64, hex, integer, oneOf, pattern, record, type Shaped, timestamp } from '../shape.ts';

// What the bodies of several operations are made of (docs/keystore-format.md §5).

/** What a certificate is issued to. A client's or probe's plane is ''. */
export const kind = oneOf('node', 'client', 'probe');
export type Kind = Shaped<typeof kind>;

export const decimal = pattern(/^(0|[1-9]\d{0,47})$/, 'a decimal number');
export const authorityId = pattern(/^(root|intermediate|issuing)-g[1-9]\d{0,8}(\.[1-9]\d{0,8})?$/, 'an authority');
export const plane = pattern(/^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$/, 'a plane');
export const cluster = pattern(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'a cluster name');
export const domain = oneOf('root', 'daily');
export type Domain = Shaped<typeof domain>;
export const keyType = oneOf(...KEY_TYPES);
export const reason = oneOf(...REVOCATION_REASONS);

/** A wrapped private key: `sealed/<keyId>.<epoch>`, and the hash of that file. */
export const sealedKey = record({ keyId: hex(16), epoch: integer, domain, sha256: hex(32) });
export type SealedKeyRef = Shaped<typeof sealedKey>;

/** `intermediate`: a CA of another PKI between its root and our issuing CA. */
export const role = oneOf('root', 'issuing', 'intermediate');
export type Role = Shaped<typeof role>;

export const authority = record({
  id: authorityId,
  role,
  generation: integer,
  keyType,
  certificate: base64,
  sealed: sealedKey,
});
/** A CA of this keystore; `certificate` is its DER in base64. */
export type Authority = Shaped<typeof authority>;

export const slot = record({
  id: hex(8),
  name: pattern(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a slot name'),
  domain,
  kind: oneOf('passphrase', 'key-file'),
  createdAt: timestamp,
  sha256: hex(32),
});
/** A live slot: `slots/<id>`, and the hash of that file. */
export type SlotRef = Shaped<typeof slot>;

export const crl = record({
  authority: authorityId,
  number: decimal,
  sha256: hex(32),
  thisUpdate: timestamp,
  nextUpdate: timestamp,
});
/** The current CRL of an authority: the object's hash and what it says. */
export type CrlRef = Shaped<typeof crl>;
