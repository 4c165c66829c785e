import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errno } from '../keystore/directory/errors.ts';
import { decodePem, type PemBlock } from '../pki/pem.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { type Crl, parseCrl } from '../pki/x509/crl.ts';
import { publicHalf } from '../placement/key-match.ts';

/** What a service's directory holds. */
export interface DiskFacts {
  /** Why nothing of it can be seen. */
  unseen?: string;
  /** The certificate first, then its issuers. */
  chain: Certificate[];
  /** The public key, in hex, that the private key belongs to; undefined when it could not be read. */
  keyOf?: string;
  anchors: Certificate[];
  /** Undefined: there is no crl.pem, the server checks none. */
  crls?: Crl[];
  /** Files that are not there. */
  missing: string[];
  /** Files that are not what they should be, and why. */
  broken: { file: string; problem: string }[];
  /** Files that this user may not read. */
  forbidden: string[];
}

const MOST = 16 << 20;

/** Reads the files of a service; nothing but the public half of the key is kept. */
export function readDisk(directory: string): DiskFacts {
  const facts: DiskFacts = { chain: [], anchors: [], missing: [], broken: [], forbidden: [] };
  try {
    if (!statSync(directory).isDirectory()) return { ...facts, unseen: `${directory} is not a directory` };
  } catch (error) {
    return errno(error) === 'ENOENT'
      ? { ...facts, missing: [directory] }
      : { ...facts, unseen: `${directory} cannot be read (${errno(error)})` };
  }
  const combined = exists(directory, 'combined.pem') && !exists(directory, 'cert.pem');
  const certificateFile = combined ? 'combined.pem' : 'cert.pem';
  facts.chain = decoded(facts, directory, certificateFile, 'CERTIFICATE', parseCertificate);
  facts.anchors = decoded(facts, directory, 'ca.pem', 'CERTIFICATE', parseCertificate);
  if (exists(directory, 'crl.pem')) facts.crls = decoded(facts, directory, 'crl.pem', 'X509 CRL', parseCrl);
  const keyFile = combined ? 'combined.pem' : 'key.pem';
  const bytes = read(facts, directory, keyFile);
  if (bytes !== undefined) {
    const own = publicHalf(bytes);
    bytes.fill(0);
    if (own === undefined) facts.broken.push({ file: keyFile, problem: 'it holds no private key that loads' });
    else facts.keyOf = own;
  }
  return facts;
}

function decoded<T>(
  facts: DiskFacts,
  directory: string,
  file: string,
  label: string,
  parse: (der: Uint8Array) => T,
): T[] {
  const bytes = read(facts, directory, file);
  if (bytes === undefined) return [];
  let blocks: PemBlock[];
  try {
    blocks = decodePem(bytes).filter((block) => block.label === label);
    if (blocks.length === 0) throw new Error(`it holds no ${label}`);
    return blocks.map((block) => parse(block.bytes));
  } catch (error) {
    facts.broken.push({ file, problem: error instanceof Error ? error.message : String(error) });
    return [];
  }
}

function read(facts: DiskFacts, directory: string, file: string): Uint8Array | undefined {
  const path = join(directory, file);
  try {
    if (statSync(path).size > MOST) throw new Error('it is too large');
    return readFileSync(path);
  } catch (error) {
    const code = errno(error);
    if (code === 'ENOENT') facts.missing.push(file);
    else if (code === 'EACCES' || code === 'EPERM') facts.forbidden.push(file);
    else facts.broken.push({ file, problem: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

function exists(directory: string, file: string): boolean {
  try {
    return statSync(join(directory, file)).isFile();
  } catch {
    return false;
  }
}
