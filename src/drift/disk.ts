import { join } from 'node:path';
import { isClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { reason } from '../keystore/directory/errors.ts';
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

/** Reads the files of a service; nothing but the public half of the key is kept. */
export async function readDisk(host: Host, directory: string): Promise<DiskFacts> {
  const facts: DiskFacts = { chain: [], anchors: [], missing: [], broken: [], forbidden: [] };
  try {
    const entry = await host.look(directory);
    if (entry === undefined) return { ...facts, missing: [directory] };
    if (entry.type !== 'directory' && entry.type !== 'link')
      return { ...facts, unseen: `${directory} is not a directory` };
    await readFiles(facts, host, directory);
    return facts;
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    const code = error.details?.errno;
    const why = error.code !== 'ERR_STORAGE' || code === undefined ? error.message : undefined;
    return { ...NOTHING, unseen: why ?? `${directory} cannot be read (${code})` };
  }
}

async function readFiles(facts: DiskFacts, host: Host, directory: string): Promise<void> {
  const bytesOf = (file: string): Promise<Uint8Array | undefined> => read(facts, host, directory, file);
  let certificateFile = 'cert.pem';
  let keyFile = 'key.pem';
  let certificate = await bytesOf(certificateFile);
  let key: Uint8Array | undefined;
  const combined = facts.missing.includes(certificateFile) ? await bytesOf('combined.pem') : undefined;
  if (combined === undefined) {
    facts.missing = facts.missing.filter((file) => file !== 'combined.pem');
    key = await bytesOf(keyFile);
  } else {
    facts.missing = [];
    certificateFile = keyFile = 'combined.pem';
    certificate = key = combined;
  }
  facts.chain = decoded(facts, certificateFile, certificate, 'CERTIFICATE', parseCertificate);
  if (key !== undefined) {
    const own = publicHalf(key);
    key.fill(0);
    if (own === undefined) facts.broken.push({ file: keyFile, problem: 'it holds no private key that loads' });
    else facts.keyOf = own;
  }
  facts.anchors = decoded(facts, 'ca.pem', await bytesOf('ca.pem'), 'CERTIFICATE', parseCertificate);
  const crl = await bytesOf('crl.pem');
  if (crl !== undefined) facts.crls = decoded(facts, 'crl.pem', crl, 'X509 CRL', parseCrl);
  // A server that checks none has none.
  facts.missing = facts.missing.filter((file) => file !== 'crl.pem');
}

const NOTHING: Omit<DiskFacts, 'unseen'> = { chain: [], anchors: [], missing: [], broken: [], forbidden: [] };

function decoded<T>(
  facts: DiskFacts,
  file: string,
  bytes: Uint8Array | undefined,
  label: string,
  parse: (der: Uint8Array) => T,
): T[] {
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

/** @throws what is wrong with the host, and not with the file */
async function read(facts: DiskFacts, host: Host, directory: string, file: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await host.read(join(directory, file));
    if (bytes === undefined) facts.missing.push(file);
    return bytes;
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_STORAGE')) throw error;
    const code = error.details?.errno;
    if (code === 'EACCES' || code === 'EPERM') facts.forbidden.push(file);
    else facts.broken.push({ file, problem: reason(error.cause) });
    return undefined;
  }
}
