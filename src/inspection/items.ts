import { ClusterCaError } from '../errors.ts';
import { DerReader } from '../pki/der/reader.ts';
import { TAG } from '../pki/der/tags.ts';
import { LIMITS } from '../pki/limits.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { type Crl, parseCrl } from '../pki/x509/crl.ts';
import { type Csr, parseCsr } from '../pki/x509/csr.ts';
import { type Block, isDer, pemBlocks } from './blocks.ts';
import { pemEncryptionOf } from './key-encryption.ts';
import { looksLikePrivateKey, type PrivateKeyOutline, readPrivateKey } from './private-key.ts';
import { messageOf } from './problem.ts';

/** One thing of a file, decoded. */
export type Item =
  | { kind: 'certificate'; certificate: Certificate }
  | { kind: 'csr'; csr: Csr }
  | { kind: 'crl'; crl: Crl }
  | { kind: 'private-key'; key: PrivateKeyOutline };

/** A block of a file that could not be read, or that is nothing to inspect. */
export interface Unread {
  /** `PEM block 2 (CERTIFICATE, line 14)`. */
  where: string;
  reason: string;
}

type Kind = Item['kind'];

const LABELS: Record<string, Kind> = {
  CERTIFICATE: 'certificate',
  'X509 CERTIFICATE': 'certificate',
  'TRUSTED CERTIFICATE': 'certificate',
  'CERTIFICATE REQUEST': 'csr',
  'NEW CERTIFICATE REQUEST': 'csr',
  'X509 CRL': 'crl',
  CRL: 'crl',
  'PRIVATE KEY': 'private-key',
  'ENCRYPTED PRIVATE KEY': 'private-key',
  'EC PRIVATE KEY': 'private-key',
  'RSA PRIVATE KEY': 'private-key',
};

/** Blocks that stand beside a key and say nothing of their own. */
const IGNORED = new Set(['EC PARAMETERS', 'DH PARAMETERS']);

const NAMES: Record<Kind, string> = {
  certificate: 'certificate',
  csr: 'certificate request',
  crl: 'CRL',
  'private-key': 'private key',
};

/**
 * Everything in a file, PEM or DER, in order.
 * @throws ClusterCaError ERR_CONFIG when nothing in it can be read
 */
export function readItems(bytes: Uint8Array, source: string): { items: Item[]; unread: Unread[] } {
  if (bytes.length === 0) throw unreadable(source, 'is empty', 'give a file in PEM or DER');
  if (bytes.length > LIMITS.file) throw unreadable(source, `is larger than ${LIMITS.file} bytes`, undefined);
  if (isDer(bytes)) return { items: [readDerFile(bytes, source)], unread: [] };
  const blocks = pemBlocks(bytes);
  if (blocks === undefined) throw unreadable(source, 'has more than 2000 PEM blocks', 'split it');
  if (blocks.length === 0) throw notRecognised(bytes, source);
  const items: Item[] = [];
  const unread: Unread[] = [];
  blocks.forEach((block, i) => {
    if (block.label !== undefined && IGNORED.has(block.label)) return;
    const item = readPemBlock(block);
    if (typeof item !== 'string') items.push(item);
    else unread.push({ where: `PEM block ${i + 1} (${block.label ?? 'no label'}, line ${block.line})`, reason: item });
  });
  const first = unread[0];
  if (items.length > 0) return { items, unread };
  if (first === undefined) throw unreadable(source, 'holds only parameters', 'give the file with the key');
  throw unreadable(source, `cannot be read: ${first.where}: ${first.reason}`, hintFor(blocks[0]?.label));
}

/** The item, or why there is none. */
function readPemBlock(block: Block): Item | string {
  const kind = block.label === undefined ? undefined : LABELS[block.label];
  if (block.malformed !== undefined) return block.malformed;
  if (kind === undefined) return 'not a certificate, certificate request, CRL or private key';
  if (block.bytes === undefined) {
    const keyType = { 'EC PRIVATE KEY': 'ecdsa', 'RSA PRIVATE KEY': 'rsa' }[block.label ?? ''];
    const encryption = pemEncryptionOf(block.headers.get('DEK-Info'));
    return { kind: 'private-key', key: { format: 'pem-encrypted', ...(keyType && { keyType }), encryption } };
  }
  try {
    // OpenSSL's trusted certificates have its own trust settings behind the certificate.
    const own = block.label === 'TRUSTED CERTIFICATE' ? new DerReader(block.bytes).raw() : block.bytes;
    return decode(kind, own);
  } catch (error) {
    return `not a ${NAMES[kind]}: ${messageOf(error)}`;
  }
}

function readDerFile(bytes: Uint8Array, source: string): Item {
  const kind = kindOfDer(bytes);
  if (kind === undefined)
    throw unreadable(source, 'is DER, but not a certificate, certificate request, CRL or private key', undefined);
  try {
    return decode(kind, bytes);
  } catch (error) {
    const message = `${source} is not a ${NAMES[kind]} in DER: ${messageOf(error)}`;
    throw new ClusterCaError('ERR_CONFIG', message, {
      hint: 'the file may be cut off or damaged; fetch it again',
      cause: error,
    });
  }
}

function decode(kind: Kind, der: Uint8Array): Item {
  switch (kind) {
    case 'certificate':
      return { kind, certificate: parseCertificate(der) };
    case 'csr':
      return { kind, csr: parseCsr(der) };
    case 'crl':
      return { kind, crl: parseCrl(der) };
    case 'private-key':
      return { kind, key: readPrivateKey(der) };
  }
}

/** What a DER value is by its outline: SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING } is signed, and its inside says what it is. */
function kindOfDer(der: Uint8Array): Kind | undefined {
  try {
    const outer = new DerReader(der).enter();
    if (outer.peek() !== TAG.sequence) return looksLikePrivateKey(der) ? 'private-key' : undefined;
    const inside = outer.enter();
    if (outer.peek() === TAG.octetString) return looksLikePrivateKey(der) ? 'private-key' : undefined;
    if (outer.peek() !== TAG.sequence) return undefined;
    outer.raw();
    return outer.peek() === TAG.bitString ? kindOfSigned(inside) : undefined;
  } catch {
    return undefined;
  }
}

function kindOfSigned(inside: DerReader): Kind {
  if (inside.peek() === 0xa0) return 'certificate';
  const version = inside.peek() === TAG.integer ? inside.integer() : undefined;
  inside.raw(TAG.sequence);
  if (inside.peek() !== TAG.sequence) return 'crl';
  // A request: version, subject, key, [0]. A version 1 certificate: serial, algorithm, issuer, validity. A CRL: version, algorithm, issuer, time.
  inside.raw();
  if (inside.peek() === TAG.utcTime || inside.peek() === TAG.generalizedTime) return 'crl';
  return version?.length === 1 && version[0] === 0 && (inside.done || inside.peek() === 0xa0) ? 'csr' : 'certificate';
}

function notRecognised(bytes: Uint8Array, source: string): ClusterCaError {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return unreadable(source, 'is UTF-16 text', 'save it as plain ASCII: PEM is not read in UTF-16');
  if (bytes[0] === 0x30 && bytes[1] !== undefined && bytes[1] >= 0x80)
    return unreadable(source, 'begins like DER, but is cut off or has more behind it', 'fetch the file again');
  return unreadable(
    source,
    'is not a certificate, certificate request, CRL or private key',
    'PEM has -----BEGIN CERTIFICATE----- or the like; DER is binary',
  );
}

function hintFor(label: string | undefined): string | undefined {
  if (label === 'OPENSSH PRIVATE KEY') return 'that is an SSH key; TLS wants PKCS#8: ssh-keygen -p -m PKCS8 -f FILE';
  return label !== undefined && LABELS[label] !== undefined
    ? 'the file may be cut off or damaged; copy it again'
    : 'give a PEM file with a certificate, a request, a CRL or a private key';
}

function unreadable(source: string, problem: string, hint: string | undefined): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', `${source} ${problem}`, { hint });
}
