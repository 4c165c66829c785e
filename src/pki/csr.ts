import { ClusterCaError } from '../errors.ts';
import { DerError } from './der/error.ts';
import { contextTag } from './der/tags.ts';
import { sequence, tlv, unsignedInteger } from './der/writer.ts';
import { OID } from './oids.ts';
import type { VerifySignature } from './signature.ts';
import type { Signer } from './signer.ts';
import { encodeSigned } from './template.ts';
import { signatureAlgorithmFor } from './x509/algorithm.ts';
import { type Csr, parseCsr } from './x509/csr.ts';
import { type Extension, encodeExtension, findExtension } from './x509/extension.ts';
import {
  basicConstraints,
  extensionRequest,
  keyUsage,
  type NameConstraints,
  nameConstraints,
  parseBasicConstraints,
  parseSubjectAltName,
  subjectAltName,
} from './x509/extensions.ts';
import type { GeneralName } from './x509/general-name.ts';
import { commonName, encodeName } from './x509/name.ts';

/** A certification request for this key (RFC 2986): the node's name as subject and, where given, its names. @returns DER */
export async function makeCsr(
  name: string,
  names: GeneralName[],
  spki: Uint8Array,
  signer: Signer,
): Promise<Uint8Array> {
  return encodeCsr(name, names.length === 0 ? [] : [subjectAltName(names)], spki, signer);
}

/**
 * The request of an issuing CA to the PKI above it: its constraints as requested extensions (RFC 5280 §4.2.1.9, §4.2.1.3,
 * §4.2.1.10). What of it is in the certificate is up to that PKI. @returns DER
 */
export async function makeCaCsr(
  name: string,
  constraints: NameConstraints,
  spki: Uint8Array,
  signer: Signer,
): Promise<Uint8Array> {
  const extensions = [basicConstraints(true, 0), keyUsage('keyCertSign', 'cRLSign'), nameConstraints(constraints)];
  return encodeCsr(name, extensions, spki, signer);
}

async function encodeCsr(name: string, extensions: Extension[], spki: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const attributes = extensions.length === 0 ? [] : [extensionRequest(extensions.map(encodeExtension))];
  const tbs = sequence(unsignedInteger(0), encodeName(commonName(name)), spki, tlv(contextTag(0, true), ...attributes));
  return encodeSigned(tbs, signatureAlgorithmFor(signer.keyType), await signer.sign(tbs));
}

/** What is taken from a request: its public key, and the names it asks for. */
export interface AcceptedCsr {
  csr: Csr;
  names: GeneralName[];
}

/**
 * Accepts a request's public key, after its self-signature proved possession of it, and reads the names it asks
 * for. Subject and other extensions are ignored; whoever calls this checks the names and the key by policy.
 * @throws DerError for what is not a request; ClusterCaError ERR_POLICY for a broken self-signature, a request to
 *   be a CA, or names that cannot be read
 */
export function acceptCsr(der: Uint8Array, verifySignature: VerifySignature): AcceptedCsr {
  const csr = parseCsr(der);
  if (!verifySignature(csr.publicKey, csr.signatureAlgorithm, csr.tbs, csr.signature))
    throw new ClusterCaError('ERR_POLICY', "the certification request's self-signature does not verify", {
      hint: 'make the request again with the key it is for: cluster-ca request NODE',
    });
  const basic = findExtension(csr.extensions, OID.basicConstraints);
  if (basic !== undefined && refusing(() => parseBasicConstraints(basic.value)).cA)
    throw new ClusterCaError('ERR_POLICY', 'the certification request asks for CA:TRUE', {
      hint: 'this CA signs end-entity certificates only: make the request without basicConstraints',
    });
  const requested = findExtension(csr.extensions, OID.subjectAltName);
  return { csr, names: requested === undefined ? [] : refusing(() => parseSubjectAltName(requested.value)) };
}

function refusing<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_POLICY', `the certification request has a malformed extension: ${cause.message}`, {
      cause,
    });
  }
}
