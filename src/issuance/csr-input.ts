import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { ClusterCaError } from '../errors.ts';
import { errno } from '../keystore/directory/errors.ts';
import type { Policy } from '../keystore/log/bodies.ts';
import { type AcceptedCsr, acceptCsr } from '../pki/csr.ts';
import { DerError } from '../pki/der/error.ts';
import { LIMITS } from '../pki/limits.ts';
import { decodePem, looksLikePem } from '../pki/pem.ts';
import type { KeyType } from '../pki/x509/algorithm.ts';
import { formatGeneralName } from '../pki/x509/general-name.ts';
import { formatIp } from '../pki/x509/ip.ts';
import { keyTypeOf } from '../pki/x509/public-key.ts';
import { checkDnsName, isNodeName, spiffeId } from './names.ts';

const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];
const verifySignature = createVerifySignature();

/** Reads a certification request in PEM or DER and checks its self-signature. @throws ERR_CONFIG, ERR_POLICY */
export function readCsr(path: string): AcceptedCsr {
  let bytes: Uint8Array;
  try {
    if (statSync(path).size > 2 * LIMITS.certificate) throw new DerError('it is larger than any request');
    bytes = readFileSync(path);
  } catch (cause) {
    if (cause instanceof DerError) throw cannotRead(path, cause.message);
    const why = errno(cause) === 'ENOENT' ? 'it does not exist' : String(errno(cause));
    throw cannotRead(path, why);
  }
  return readCsrBytes(bytes, path);
}

/** The same of octets. @param path where they come from, for messages */
export function readCsrBytes(bytes: Uint8Array, path: string): AcceptedCsr {
  try {
    return acceptCsr(looksLikePem(bytes) ? pemRequest(bytes) : bytes, verifySignature);
  } catch (error) {
    if (error instanceof DerError) throw cannotRead(path, error.message);
    if (error instanceof ClusterCaError)
      throw new ClusterCaError(error.code, `${path}: ${error.message}`, {
        hint: error.hint,
        details: error.details,
        cause: error,
      });
    throw error;
  }
}

function pemRequest(bytes: Uint8Array): Uint8Array {
  const requests = decodePem(bytes).filter(({ label }) => LABELS.includes(label));
  const [only] = requests;
  if (only === undefined || requests.length > 1)
    throw new DerError(`it holds ${requests.length} certification requests, not one`);
  return only.bytes;
}

function cannotRead(path: string, why: string): ClusterCaError {
  return new ClusterCaError('ERR_CONFIG', `cannot read the certification request ${path}: ${why}`, {
    hint: 'a request is PEM or DER: cluster-ca request NODE makes one',
  });
}

/** What a request's own names ask for: DNS names, addresses, and at most the URI that it would be given anyway. @throws ERR_POLICY */
export function requestedNames(
  { names }: AcceptedCsr,
  path: string,
  holder: { kind: 'node' | 'client'; name: string; plane: string },
  policy: Policy,
): { dns: string[]; ip: string[] } {
  const refused = names.find(
    (name) =>
      name.type !== 'dns' && name.type !== 'ip' && !(name.type === 'uri' && name.value === spiffeId(policy, holder)),
  );
  if (refused !== undefined)
    throw new ClusterCaError(
      'ERR_POLICY',
      `${path}: it asks for a name it may not have: ${formatGeneralName(refused)}`,
      {
        hint: 'a request may name DNS names and IP addresses; give the names with --dns and --ip instead',
      },
    );
  try {
    return {
      dns: names.flatMap((name) => (name.type === 'dns' ? [checkDnsName(name.value)] : [])),
      ip: names.flatMap((name) => (name.type === 'ip' ? [addressText(name.value)] : [])),
    };
  } catch (cause) {
    if (!(cause instanceof ClusterCaError)) throw cause;
    throw new ClusterCaError('ERR_POLICY', `${path}: it asks for a name it may not have: ${cause.message}`, { cause });
  }
}

function addressText(octets: Uint8Array): string {
  if (octets.length !== 4 && octets.length !== 16)
    throw new ClusterCaError('ERR_POLICY', 'an IP address of neither 4 nor 16 octets');
  return formatIp(octets);
}

/** The key type of a request's key. @throws ERR_POLICY by `checkPublicKey` later when it is none of ours */
export function csrKeyType({ csr }: AcceptedCsr, fallback: KeyType): KeyType {
  return keyTypeOf(csr.publicKey) ?? fallback;
}

export interface FoundCsr {
  kind: 'node' | 'client';
  name: string;
  plane: string;
  path: string;
}

/**
 * The requests below a directory: `DIR/<node>/<plane>/request.pem` and `DIR/clients/NAME/request.pem`.
 * @throws ERR_CONFIG when there is none
 */
export function findCsrs(directory: string, planes: readonly string[]): FoundCsr[] {
  const root = resolve(directory);
  const subdirectories = (path: string): string[] => {
    try {
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort();
    } catch (cause) {
      throw new ClusterCaError('ERR_CONFIG', `cannot read the directory ${path}: ${errno(cause)}`, { cause });
    }
  };
  const found: FoundCsr[] = [];
  for (const name of subdirectories(root)) {
    if (name === 'clients')
      for (const client of subdirectories(join(root, name)))
        found.push({ kind: 'client', name: client, plane: '', path: join(root, name, client, 'request.pem') });
    else if (isNodeName(name))
      for (const plane of planes)
        found.push({ kind: 'node', name, plane, path: join(root, name, plane, 'request.pem') });
  }
  const there = found.filter(({ path }) => existsSync(path));
  if (there.length === 0)
    throw new ClusterCaError('ERR_CONFIG', `there is no request.pem below ${root}`, {
      hint: 'they are looked for as DIR/<node>/<plane>/request.pem: cluster-ca request NODE --out DIR makes them',
    });
  return there;
}
