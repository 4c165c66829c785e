import { sha256 } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import { currentOnly, type IssuedCertificate } from '../keystore/certificates/row.ts';
import { anchorsOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import type { PathFailure, PathOptions } from '../pki/path/index.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { certificatesOf } from '../what/holder.ts';
import { readInputFile } from '../what/read-file.ts';
import type { What } from '../what/what.ts';
import type { VerifyDocument } from './document.ts';
import { logRevocation } from './log-revocation.ts';
import type { InputFile } from './read-sources.ts';
import type { ConnectFlags, EndpointFacts } from './verify-endpoint.ts';
import { verifyFiles } from './verify-files.ts';

/** What a verdict depends on besides the certificates themselves. */
export interface ChainRequest {
  trust: string[];
  untrusted: string[];
  crls: string[] | undefined;
  /** Read revocations from the keystore. */
  useLog: boolean;
  options: PathOptions;
  at: Date;
  /** Whether the document is to hold every path tried. */
  explain: boolean;
}

export interface VerifyRequest extends ChainRequest {
  what: What;
  /** For HOST:PORT: how to connect. */
  connect: ConnectFlags;
  planes: string[] | undefined;
}

/** One certificate of a node; with `explain`, with its own paths. */
export interface CheckedCertificate extends Pick<VerifyDocument, 'candidates' | 'attempts'> {
  node: string;
  plane?: string;
  serial: string;
  valid: boolean;
  failures: PathFailure[];
}

/** Of a node: which of its certificates it is that fails. */
export interface HolderFailure extends PathFailure {
  node?: string;
  plane?: string;
}

/** `verify`'s document; of a node, with a verdict for each of its certificates; of HOST:PORT, with what serves it. */
export interface VerifyResult extends VerifyDocument {
  failures: HolderFailure[];
  certificates?: CheckedCertificate[];
  endpoint?: EndpointFacts;
}

const verify = createVerifySignature();

/**
 * Validates what a WHAT of `verify` means.
 * @param keystore undefined when `--trust` is given: then none is opened
 * @throws ERR_CONFIG (exit 2) for unreadable input; ERR_NOT_FOUND; ERR_USAGE
 */
export async function verifyWhat(keystore: Keystore | undefined, request: VerifyRequest): Promise<VerifyResult> {
  const { what } = request;
  if (what.type === 'file')
    return verifyChain(keystore, request, { name: what.path, bytes: readInputFile(what.path, 'certificate') });
  if (what.type === 'endpoint') return verifyServed(keystore, request, what.address);
  if (what.type !== 'name' && what.type !== 'serial')
    throw new ClusterCaError('ERR_USAGE', `cannot verify a ${what.type}`, {
      hint: 'give a certificate file, a node, a client, a serial number or HOST:PORT',
    });
  if (keystore === undefined)
    throw new ClusterCaError(
      'ERR_USAGE',
      'with --trust no keystore is opened: only a certificate file or HOST:PORT can be verified',
      { hint: 'leave --trust out, or give a file' },
    );
  const rows = await rowsOf(keystore, what, request.planes);
  const results: { row: IssuedCertificate; document: VerifyDocument }[] = [];
  for (const row of rows) results.push({ row, document: await verifyRow(keystore, request, row) });
  return combined(results);
}

/** The chain that a server serves, held against its address. Loaded apart: files need none of it. */
async function verifyServed(
  keystore: Keystore | undefined,
  request: VerifyRequest,
  address: string,
): Promise<VerifyResult> {
  const { fetchChain } = await import('./verify-endpoint.ts');
  const { facts, subject, options, notes } = await fetchChain(address, request.connect, request.options);
  const document = await verifyChain(keystore, { ...request, options }, subject);
  return { ...document, notes: [...notes, ...document.notes], endpoint: facts };
}

async function rowsOf(
  keystore: Keystore,
  what: What & { type: 'name' | 'serial' },
  planes: string[] | undefined,
): Promise<IssuedCertificate[]> {
  if (what.type === 'serial') {
    const row = await keystore.query((index) => index.bySerial(what.serial));
    if (row === undefined)
      throw new ClusterCaError('ERR_NOT_FOUND', `the log knows no certificate with serial ${what.serial}`);
    return [row];
  }
  const all = await certificatesOf(keystore, what);
  const rows = currentOnly(all).filter((row) => planes === undefined || planes.includes(row.plane));
  if (rows.length === 0)
    throw new ClusterCaError('ERR_NOT_FOUND', `no certificate was ever issued to ${what.name}`, {
      hint: 'cluster-ca list shows what was issued',
    });
  return rows;
}

/** A node's certificate is held against its recorded names and the purposes of its profile, unless others are asked for. */
async function verifyRow(keystore: Keystore, request: VerifyRequest, row: IssuedCertificate): Promise<VerifyDocument> {
  const der = await keystore.der(row);
  const { subjectAltNames } = certificateFields(parseCertificate(der), (data) => sha256(data));
  const recorded = subjectAltNames
    .map((name) => name.slice(name.indexOf(':') + 1))
    .filter((name) => !name.startsWith('*.'));
  const purposes = row.profile === 'peer' ? ['server', 'client'] : [row.profile === 'server' ? 'server' : 'client'];
  const options = {
    ...request.options,
    names: request.options.names ?? recorded,
    purposes: request.options.purposes ?? purposes,
  };
  const document = await verifyChain(
    keystore,
    { ...request, options },
    { name: `certificate ${row.serial}`, bytes: der },
  );
  return {
    ...document,
    failures: document.failures.map((failure) => ({ ...failure, hint: named(failure.hint, row) })),
  };
}

/** The hint of a rule with the holder's name in its command. */
function named(hint: string, { kind, name }: IssuedCertificate): string {
  return hint.replace('issue NODE', `issue ${kind === 'client' ? '--client ' : ''}NODE`).replace('NODE', name);
}

/**
 * Validates the first certificate of a file or of what a server serves.
 * @param keystore undefined: the anchors are those of `request.trust`
 */
export async function verifyChain(
  keystore: Keystore | undefined,
  request: ChainRequest,
  subject: InputFile,
): Promise<VerifyDocument> {
  const { options, at, explain } = request;
  const file = (path: string, what: string): InputFile => ({ name: path, bytes: readInputFile(path, what) });
  const untrusted = request.untrusted.map((path) => file(path, 'certificate'));
  const crls = request.crls?.map((path) => file(path, 'CRL'));
  const common = { subject, crls, options, explain, now: at, verify, sha256: (data: Uint8Array) => sha256(data) };
  if (keystore === undefined)
    return verifyFiles({ ...common, trust: request.trust.map((path) => file(path, 'certificate')), untrusted });
  const { authorities } = keystore.state;
  const issuing = authorities
    .filter(({ role }) => role !== 'root')
    .map(({ id, certificate }): InputFile => ({ name: id, bytes: fromBase64(certificate) }));
  const anchors = anchorsOf(keystore.state).map((bytes): InputFile => {
    const own = authorities.find(({ certificate }) => certificate === toBase64(bytes));
    return { name: own?.id ?? 'the CA that is being replaced', bytes };
  });
  const revocation = request.useLog ? await logRevocation(keystore) : undefined;
  return verifyFiles({ ...common, trust: anchors, untrusted: [...issuing, ...untrusted], revocation });
}

function combined(results: { row: IssuedCertificate; document: VerifyDocument }[]): VerifyResult {
  const shown = (results.find(({ document }) => !document.valid) ?? results[0]) as (typeof results)[number];
  return {
    ...shown.document,
    valid: results.every(({ document }) => document.valid),
    failures: results.flatMap(({ row, document }) =>
      document.failures.map((failure) => ({ ...failure, ...identity(row) })),
    ),
    certificates: results.map(({ row, document }) => ({
      ...identity(row),
      serial: row.serial,
      valid: document.valid,
      failures: document.failures,
      ...(document.attempts === undefined ? {} : { candidates: document.candidates, attempts: document.attempts }),
    })),
  };
}

function identity({ name, plane }: IssuedCertificate): { node: string; plane?: string } {
  return { node: name, ...(plane === '' ? {} : { plane }) };
}
