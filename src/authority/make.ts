import { sha256 } from '../crypto/hash.ts';
import type { TokenKey } from '../crypto/token/token.ts';
import { randomFrom } from '../crypto/webcrypto.ts';
import { type GeneratedKey, generateKey, importSigner } from '../pki/key.ts';
import { prepareCertificate, sign } from '../pki/prepare.ts';
import { newSerial } from '../pki/serial.ts';
import type { Signer } from '../pki/signer.ts';
import type { CertificateTemplate } from '../pki/template.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import type { NameConstraints } from '../pki/x509/extensions.ts';
import { type Above, auditCertificate, type CaFields, crossCertificate, issuingCa, rootCa } from './templates.ts';

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
  const { key, signer } = await makeCaKey(options);
  const { crypto } = options;
  return { key, signer, certificate: await signTemplate(rootCa(fields(options), key), undefined, signer, crypto) };
}

/** Makes an issuing CA with a new key under a root; it never outlives the root. */
export async function makeIssuing(
  options: MakeOptions,
  root: Issuer,
  constraints: NameConstraints,
): Promise<MadeAuthority> {
  const { key, signer } = await makeCaKey(options);
  const template = issuingCa(fields(options), key.spki, above(root), constraints);
  return { key, signer, certificate: await signTemplate(template, root.certificate, root.signer, options.crypto) };
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
  const template = auditCertificate(fields(options), key.spki, above(root));
  return signTemplate(template, root.certificate, root.signer, options.crypto);
}

/** NewWithOld: the new root's key certified by the old root. @param options.name the new root's common name */
export async function crossCertify(
  options: Pick<MakeOptions, 'crypto' | 'now' | 'name'>,
  root: MadeAuthority,
  old: Issuer,
): Promise<Certificate> {
  const { crypto, now, name } = options;
  const template = crossCertificate({ now, name, serialNumber: serial(crypto) }, root.certificate, above(old));
  return signTemplate(template, old.certificate, old.signer, crypto);
}

function fields({ crypto, now, name, lifetime }: Pick<MakeOptions, 'crypto' | 'now' | 'name' | 'lifetime'>): CaFields {
  return { now, name, lifetime, serialNumber: serial(crypto) };
}

function serial(crypto: Crypto): Uint8Array {
  return newSerial(randomFrom(crypto));
}

function above({ certificate, signer }: Issuer): Above {
  return { certificate, keyType: signer.keyType };
}

/** Makes the key of a CA of this common name: in a token, where that is said, or to be sealed. */
export function makeCaKey({
  crypto,
  keyType,
  name,
  makeKey,
}: Pick<MakeOptions, 'crypto' | 'keyType' | 'name' | 'makeKey'>): Promise<MadeKey> {
  return makeKey === undefined ? sealableKey(crypto, keyType) : makeKey(keyType, name);
}

async function sealableKey(crypto: Crypto, keyType: KeyType): Promise<MadeKey<GeneratedKey>> {
  const key = await generateKey(crypto, keyType);
  return { key, signer: await importSigner(crypto, keyType, key.pkcs8) };
}
