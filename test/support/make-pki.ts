import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { time } from '../../src/pki/der/time.ts';
import { bitString, oid, sequence, tlv, unsignedInteger } from '../../src/pki/der/writer.ts';
import { type Extension, encodeExtension } from '../../src/pki/x509/extension.ts';
import { basicConstraints, keyUsage, subjectAltName } from '../../src/pki/x509/extensions.ts';
import type { GeneralName } from '../../src/pki/x509/general-name.ts';
import { encodeName, parseDistinguishedName } from '../../src/pki/x509/name.ts';

export interface KeyPair {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** One instant of all made certificates' validity. */
export const NOW = new Date('2026-06-15T12:00:00Z');
const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

export function makeKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

export interface SignatureRecipe {
  der: Uint8Array;
  digest: string | null;
  /** For RSASSA-PSS. */
  saltLength?: number;
}

export interface CertificateRecipe {
  subject: string;
  key: KeyPair;
  /** Name of the issuer; the subject's when left out. */
  issuer?: string;
  /** Key of the issuer; the subject's when left out. */
  issuerKey?: KeyPair;
  extensions?: Extension[];
  notBefore?: Date;
  notAfter?: Date;
  serial?: number | Uint8Array;
  /** AlgorithmIdentifier and digest, where it is not ECDSA with SHA-256. */
  algorithm?: SignatureRecipe;
  /** In place of the names encoded as UTF8String. */
  subjectDer?: Uint8Array;
  issuerDer?: Uint8Array;
  /** In place of notBefore and notAfter. */
  validityDer?: Uint8Array;
  /** In place of the key's SubjectPublicKeyInfo. */
  publicKeyDer?: Uint8Array;
}

let lastSerial = 1000;

/** A version 3 certificate with exactly these fields; nothing is added. */
export function makeCertificate(recipe: CertificateRecipe): Uint8Array {
  const { subject, key, issuer = subject, issuerKey = key, extensions = [] } = recipe;
  const algorithm = recipe.algorithm ?? { der: ECDSA_SHA256, digest: 'sha256' };
  lastSerial += 1;
  const parts = [
    tlv(0xa0, unsignedInteger(2)),
    unsignedInteger(recipe.serial ?? lastSerial),
    algorithm.der,
    recipe.issuerDer ?? nameDer(issuer),
    recipe.validityDer ??
      sequence(time(recipe.notBefore ?? new Date('2026-01-01Z')), time(recipe.notAfter ?? new Date('2027-01-01Z'))),
    recipe.subjectDer ?? nameDer(subject),
    recipe.publicKeyDer ?? new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' })),
  ];
  if (extensions.length > 0) parts.push(tlv(0xa3, sequence(...extensions.map(encodeExtension))));
  return signed(sequence(...parts), issuerKey, algorithm);
}

export interface Entity {
  der: Uint8Array;
  name: string;
  key: KeyPair;
}

/** A self-signed CA. */
export function makeRoot(name: string, recipe: Partial<CertificateRecipe> = {}): Entity {
  const key = recipe.key ?? makeKey();
  const extensions = recipe.extensions ?? caExtensions();
  return { der: makeCertificate({ ...recipe, subject: name, key, extensions }), name, key };
}

/** A CA under another one. */
export function makeCa(name: string, issuer: Entity, recipe: Partial<CertificateRecipe> = {}): Entity {
  return makeUnder(name, issuer, { extensions: caExtensions(), ...recipe });
}

/** An end-entity certificate with these subject alternative names. */
export function makeLeaf(
  name: string,
  issuer: Entity,
  altNames: GeneralName[] = [{ type: 'dns', value: 'leaf.example' }],
  recipe: Partial<CertificateRecipe> = {},
): Entity {
  const extensions = altNames.length === 0 ? [] : [subjectAltName(altNames)];
  return makeUnder(name, issuer, { ...recipe, extensions: [...extensions, ...(recipe.extensions ?? [])] });
}

function makeUnder(name: string, issuer: Entity, recipe: Partial<CertificateRecipe>): Entity {
  const key = recipe.key ?? makeKey();
  const der = makeCertificate({ issuer: issuer.name, issuerKey: issuer.key, ...recipe, subject: name, key });
  return { der, name, key };
}

export function caExtensions(pathLength?: number, ...more: Extension[]): Extension[] {
  return [basicConstraints(true, pathLength), keyUsage('keyCertSign', 'cRLSign'), ...more];
}

export interface CrlEntryRecipe {
  serial: number | Uint8Array;
  extensions?: Extension[];
}

export interface CrlRecipe {
  issuer: string;
  key: KeyPair;
  /** Left out when empty, as RFC 5280 §5.1.2.6 has it. */
  entries?: CrlEntryRecipe[];
  /** An empty list of entries all the same. */
  emptyList?: boolean;
  /** 1: without extensions. */
  version?: 1 | 2;
  extensions?: Extension[];
  thisUpdate?: Date;
  /** null: left out. */
  nextUpdate?: Date | null;
}

export function makeCrl(recipe: CrlRecipe): Uint8Array {
  const { issuer, key, entries = [], extensions = [] } = recipe;
  const version = recipe.version === 1 ? [] : [unsignedInteger(1)];
  const parts = [...version, ECDSA_SHA256, nameDer(issuer), time(recipe.thisUpdate ?? new Date('2026-06-01Z'))];
  if (recipe.nextUpdate !== null) parts.push(time(recipe.nextUpdate ?? new Date('2026-07-01Z')));
  if (entries.length > 0 || recipe.emptyList === true)
    parts.push(
      sequence(
        // In one piece: there may be more entries than a call may have arguments.
        Buffer.concat(
          entries.map((entry) =>
            sequence(
              unsignedInteger(entry.serial),
              time(new Date('2026-05-01Z')),
              ...(entry.extensions === undefined ? [] : [sequence(...entry.extensions.map(encodeExtension))]),
            ),
          ),
        ),
      ),
    );
  if (extensions.length > 0) parts.push(tlv(0xa0, sequence(...extensions.map(encodeExtension))));
  return signed(sequence(...parts), key, { der: ECDSA_SHA256, digest: 'sha256' });
}

function signed(tbs: Uint8Array, { privateKey }: KeyPair, algorithm: SignatureRecipe): Uint8Array {
  const { saltLength, digest } = algorithm;
  const pss = { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLength ?? 0 };
  const signature = new Uint8Array(sign(digest, tbs, saltLength === undefined ? privateKey : pss));
  return sequence(tbs, algorithm.der, bitString(signature));
}

export function nameDer(text: string): Uint8Array {
  return encodeName(parseDistinguishedName(text));
}

/** An extension by its parts, for what has no maker of its own. */
export function extension(type: string, value: Uint8Array, critical = false): Extension {
  return { oid: type, critical, value };
}
