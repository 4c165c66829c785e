import { isClusterCaError } from '../errors.ts';
import { DerReader } from '../pki/der/reader.ts';
import type { AlgorithmIdentifier } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { isDer, pemBlocks } from './blocks.ts';
import type { Item, Unread } from './items.ts';
import { encryptionOf, type KeyEncryption } from './key-encryption.ts';
import { looksLikePkcs7, readPkcs7 } from './pkcs7.ts';
import { type Bag, looksLikePkcs12, type Mac, type Pkcs12, readPkcs12 } from './pkcs12.ts';
import { readPrivateKey } from './private-key.ts';
import { critical, info, messageOf, type Problem, warning } from './problem.ts';

/** A PKCS#7 bundle; what is in it stands beside it. */
export interface Pkcs7Description {
  certificateCount: number;
  crlCount: number;
  signerCount: number;
  problems: Problem[];
}

/** A PKCS#12 file: how it is protected, and what is in it as far as that can be seen. */
export interface Pkcs12Description {
  /** Whether a password was given that opened it. */
  opened: boolean;
  mac?: { algorithm: string; cost: string };
  parts: { encryption?: KeyEncryption; contents?: string[] }[];
  /** The names under which programs find what is in it. */
  friendlyNames: string[];
  problems: Problem[];
}

/** A file that holds others. */
export type Container = { items: Item[]; unread: Unread[] } & (
  | ({ kind: 'pkcs7' } & Pkcs7Description)
  | ({ kind: 'pkcs12' } & Pkcs12Description)
);

/** Opens a PKCS#12 file with its password. */
export type OpenPkcs12 = (file: Pkcs12) => { bags: Bag[]; closed: string[] };

const LABELS = new Set(['PKCS7', 'PKCS #7 SIGNED DATA', 'CMS']);
const LEAST_ROUNDS = 100_000;
const MACS: Record<string, string> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  '1.2.840.113549.1.5.14': 'pbmac1',
};

/**
 * Reads a PKCS#12 file or a PKCS#7 bundle; undefined when it is neither.
 * @throws DerError when it looks like one and is broken
 */
export function readContainer(bytes: Uint8Array, open: OpenPkcs12 | undefined): Container | undefined {
  if (isDer(bytes)) {
    const kind = kindOf(bytes);
    if (kind === undefined) return undefined;
    return kind === 'pkcs7' ? pkcs7Container(bytes) : pkcs12Container(bytes, open);
  }
  if (bytes[0] === 0x30) return undefined;
  const blocks = pemBlocks(bytes);
  const [only] = blocks ?? [];
  if (blocks?.length !== 1 || only?.bytes === undefined || !LABELS.has(only.label ?? '')) return undefined;
  return pkcs7Container(only.bytes);
}

function kindOf(der: Uint8Array): Container['kind'] | undefined {
  try {
    if (looksLikePkcs7(new DerReader(der).enter())) return 'pkcs7';
    return looksLikePkcs12(new DerReader(der).enter()) ? 'pkcs12' : undefined;
  } catch {
    return undefined;
  }
}

function pkcs7Container(der: Uint8Array): Container {
  const { certificates, crls, signers, hasContent } = readPkcs7(der);
  const { items, unread } = decodeAll([
    ...certificates.map((value) => ({ type: 'certificate' as const, value })),
    ...crls.map((value) => ({ type: 'crl' as const, value })),
  ]);
  const problems: Problem[] = [];
  if (signers > 0 || hasContent)
    problems.push(info('signed-content', 'it carries signed content, which is not looked at here'));
  if (items.length === 0) problems.push(warning('empty', 'it holds no certificate'));
  return {
    kind: 'pkcs7',
    certificateCount: certificates.length,
    crlCount: crls.length,
    signerCount: signers,
    problems,
    items,
    unread,
  };
}

function pkcs12Container(der: Uint8Array, open: OpenPkcs12 | undefined): Container {
  const file = readPkcs12(der);
  const opened = open?.(file);
  const visible = file.parts.flatMap((part) => (part.encrypted ? [] : part.bags));
  const bags = opened?.bags ?? visible;
  const { items, unread } = decodeAll(bags);
  const problems = protectionProblems(file);
  for (const oid of opened?.closed ?? [])
    problems.push(
      warning('not-supported', `a part is encrypted with ${encryptionName(oid)}, which is not opened here`),
    );
  return {
    kind: 'pkcs12',
    opened: opened !== undefined,
    ...(file.mac === undefined ? {} : { mac: macText(file.mac) }),
    parts: file.parts.map((part) =>
      part.encrypted
        ? {
            encryption:
              part.algorithm === undefined ? { cipher: 'a public key', kdf: 'none' } : safeEncryption(part.algorithm),
          }
        : { contents: part.bags.map(({ type }) => type) },
    ),
    friendlyNames: [...new Set(bags.flatMap(({ friendlyName }) => friendlyName ?? []))],
    problems,
    items,
    unread,
  };
}

function macText({ algorithm, iterations }: Mac): { algorithm: string; cost: string } {
  return { algorithm: MACS[algorithm.oid] ?? algorithm.oid, cost: String(iterations) };
}

function safeEncryption(algorithm: AlgorithmIdentifier): KeyEncryption {
  try {
    return encryptionOf(algorithm);
  } catch {
    return { cipher: algorithm.oid, kdf: 'unknown' };
  }
}

function encryptionName(oid: string): string {
  return encryptionOf({ oid, parameters: undefined, der: new Uint8Array(0) }).cipher;
}

function protectionProblems({ mac, parts }: Pkcs12): Problem[] {
  const problems: Problem[] = [];
  if (mac === undefined) problems.push(warning('no-mac', 'it has no MAC: nobody would notice that it was changed'));
  else if (mac.iterations < LEAST_ROUNDS && mac.algorithm.oid !== '1.2.840.113549.1.5.14')
    problems.push(info('weak-mac', `its MAC has only ${mac.iterations} rounds: a short password is soon found`));
  for (const part of parts) {
    if (part.encrypted) {
      const cipher = part.algorithm === undefined ? '' : safeEncryption(part.algorithm).cipher;
      if (/RC2|DES-CBC|TripleDES/.test(cipher))
        problems.push(info('weak-encryption', `a part is encrypted with ${cipher}, which is outdated`));
    } else if (part.bags.some(({ type }) => type === 'key'))
      problems.push(critical('bare-key', 'it holds a private key that is not encrypted'));
  }
  return problems;
}

function decodeAll(bags: readonly Bag[]): { items: Item[]; unread: Unread[] } {
  const items: Item[] = [];
  const unread: Unread[] = [];
  bags.forEach(({ type, value }, i) => {
    try {
      if (type === 'certificate') items.push({ kind: 'certificate', certificate: certificateOf(value) });
      else if (type === 'crl') items.push({ kind: 'crl', crl: parseCrl(value) });
      else if (type === 'key' || type === 'encrypted-key')
        items.push({ kind: 'private-key', key: readPrivateKey(value) });
      else unread.push({ where: `value ${i + 1}`, reason: `it is a ${type} bag` });
    } catch (error) {
      if (!isClusterCaError(error)) throw error;
      unread.push({ where: `value ${i + 1} (${type})`, reason: messageOf(error) });
    }
  });
  return { items, unread };
}

function certificateOf(der: Uint8Array): Certificate {
  return parseCertificate(der);
}
