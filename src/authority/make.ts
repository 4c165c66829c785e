import { sha256 } from '../crypto/hash.ts';
import type { TokenKey } from '../crypto/token/token.ts';
import { randomFrom } from '../crypto/webcrypto.ts';
import { type GeneratedKey, generateKey, importSigner } from '../pki/key.ts';
import { prepareCertificate, sign } from '../pki/prepare.ts';
import { auditTemplate } from '../pki/profile/audit.ts';
import { crossTemplate } from '../pki/profile/cross.ts';
import { issuingTemplate } from '../pki/profile/issuing.ts';
import { rootTemplate } from '../pki/profile/root.ts';
import { newSerial } from '../pki/serial.ts';
import type { Signer } from '../pki/signer.ts';
import type { CertificateTemplate } from '../pki/template.ts';
import { validityFor } from '../pki/validity.ts';
import { type KeyType, signatureAlgorithmFor } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import type { NameConstraints } from '../pki/x509/extensions.ts';

/** A key just made, to be sealed or in a token already, and a signer over it. */
export interface MadeKey<K = GeneratedKey | TokenKey> {
  key: K;
  signer: Signer;
}

/** Makes the key of a CA of this common name. */
export type KeyMaker = (keyType: KeyType, name: string) => Promise<MadeKey>;

/** A CA just made: its certificate, and its key. */
export interface MadeAuthority<K = GeneratedKey | TokenKey> extends MadeKey<K> {
  certificate: Certificate;
}

/** Who signs what is made: a certificate, and a signer over its key. */
export type Issuer = Pick<MadeAuthority, 'certificate' | 'signer'>;

export interface MakeOptions {
  crypto: Crypto;
  now: Date;
  /** The common name. */
  name: string;
  keyType: KeyType;
  /** Seconds. */
  lifetime: number;
  /** Where the key is made; without it, here, to be sealed. */
  makeKey?: KeyMaker | undefined;
}

/** Lints and signs a template, and has the result read by a second implementation. */
export async function signTemplate(
  template: CertificateTemplate,
  issuer: Certificate | undefined,
  signer: Signer,
  crypto: Crypto,
): Promise<Certificate> {
  const prepared = prepareCertificate(template, issuer, (data) => sha256(data));
  const der = await sign(prepared, signer);
  const { secondOpinion } = await import('./second-opinion.ts');
  await secondOpinion(der, (issuer ?? prepared.preview).publicKey, crypto);
  return parseCertificate(der);
}

/** Makes a root CA with a new key. */
export async function makeRoot(options: MakeOptions): Promise<MadeAuthority> {
  const { crypto, keyType } = options;
  const { key, signer } = await newKey(options);
  const template = rootTemplate(
    { ...common(options, key), signatureAlgorithm: signatureAlgorithmFor(keyType) },
    options.name,
  );
  return { key, signer, certificate: await signTemplate(template, undefined, signer, crypto) };
}

/** Makes an issuing CA with a new key under a root; it never outlives the root. */
export async function makeIssuing(
  options: MakeOptions,
  root: Issuer,
  constraints: NameConstraints,
): Promise<MadeAuthority> {
  const { crypto } = options;
  const { key, signer } = await newKey(options);
  const template = issuingTemplate(below(options, key, root), options.name, constraints);
  return { key, signer, certificate: await signTemplate(template, root.certificate, root.signer, crypto) };
}

/** Makes the audit key and its certificate by the root. */
export async function makeAuditKey(
  options: Omit<MakeOptions, 'keyType' | 'makeKey'>,
  root: Issuer,
): Promise<MadeAuthority<GeneratedKey>> {
  const { key, signer } = await sealableKey(options.crypto, 'ed25519');
  return { key, signer, certificate: await certifyAuditKey(options, key, root) };
}

/** A root's certificate over the audit key that there is: a later root vouches for it too. */
export async function certifyAuditKey(
  options: Omit<MakeOptions, 'keyType' | 'makeKey'>,
  key: { spki: Uint8Array },
  root: Issuer,
): Promise<Certificate> {
  const template = auditTemplate(below({ ...options, keyType: 'ed25519' }, key, root), options.name);
  return signTemplate(template, root.certificate, root.signer, options.crypto);
}

/**
 * NewWithOld: the new root's key certified by the old root (RFC 4210 §4.4). It ends with the first of the two.
 * @param options.name the new root's common name
 */
export async function crossCertify(
  options: Omit<MakeOptions, 'keyType' | 'lifetime' | 'makeKey'>,
  root: MadeAuthority,
  old: Issuer,
): Promise<Certificate> {
  const { notAfter } = root.certificate;
  const lifetime = Math.floor((notAfter - options.now.getTime()) / 1000);
  const input = below({ ...options, lifetime, keyType: root.signer.keyType }, root.key, old);
  return signTemplate(crossTemplate(input, options.name), old.certificate, old.signer, options.crypto);
}

function newKey({ crypto, keyType, name, makeKey }: MakeOptions): Promise<MadeKey> {
  return makeKey === undefined ? sealableKey(crypto, keyType) : makeKey(keyType, name);
}

async function sealableKey(crypto: Crypto, keyType: KeyType): Promise<MadeKey<GeneratedKey>> {
  const key = await generateKey(crypto, keyType);
  return { key, signer: await importSigner(crypto, keyType, key.pkcs8) };
}

function common({ crypto, now, lifetime }: MakeOptions, key: { spki: Uint8Array }, latest?: number) {
  return {
    serialNumber: newSerial(randomFrom(crypto)),
    validity: validityFor(now, lifetime * 1000, latest),
    publicKey: key.spki,
    sha256: (data: Uint8Array) => sha256(data),
  };
}

function below(options: MakeOptions, key: { spki: Uint8Array }, root: Issuer) {
  return {
    ...common(options, key, root.certificate.notAfter),
    issuer: root.certificate,
    signatureAlgorithm: signatureAlgorithmFor(root.signer.keyType),
  };
}
