import { constraintsFor } from '../../authority/constraints.ts';
import { sha256 } from '../../crypto/hash.ts';
import { createVerifySignature } from '../../crypto/verify-signature.ts';
import { ClusterCaError } from '../../errors.ts';
import { nameText } from '../../inspection/certificate-object.ts';
import { keyTypeName } from '../../inspection/key-type-name.ts';
import type { ExternalKey } from '../../keystore/envelope/external-key.ts';
import { isIssuedBy } from '../../keystore/hierarchy.ts';
import { DerError } from '../../pki/der/error.ts';
import { equalBytes } from '../../pki/der/writer.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { OID } from '../../pki/oids.ts';
import { KEY_TYPES, type KeyType } from '../../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../../pki/x509/certificate.ts';
import { parseCsr } from '../../pki/x509/csr.ts';
import { findExtension } from '../../pki/x509/extension.ts';
import { parseBasicConstraints, parseKeyUsage } from '../../pki/x509/extensions.ts';
import { commonName, encodeName } from '../../pki/x509/name.ts';
import { formatTime } from '../../values/time.ts';
import { type InputFile, readSources } from '../../verification/read-sources.ts';
import { verifyFiles } from '../../verification/verify-files.ts';
import { leftOut } from './left-out.ts';
import type { Pending } from './pending.ts';

const verify = createVerifySignature();

/** What another PKI made of a request. */
export interface Answer {
  issuing: Certificate;
  /** Between it and the root, the nearest first. */
  intermediates: Certificate[];
  root: Certificate;
  /** What was asked for and is not in it. */
  leftOut: string[];
}

/** What is expected of it besides. */
export interface Expected {
  /** The common name that was asked for. */
  name: string;
  /** The CAs of that PKI that are known already: they need not be in the file. */
  known?: readonly Certificate[];
}

/**
 * Reads what another PKI made of the request: the certificate first, behind it, in any order, the CAs that lead to the
 * root, and that.
 * @throws ERR_CONFIG for a file that is not that; ERR_POLICY for a certificate that this CA could not work with
 */
export function readAnswer(file: InputFile, pending: Pending, { name, known = [] }: Expected, now: Date): Answer {
  const { policy } = pending;
  const certificates = readSources(file, 'certificate').map(({ der }) => parsed(der, file.name));
  const [issuing, ...others] = certificates as [Certificate, ...Certificate[]];
  checkIssuing(issuing, pending);
  const [root, ...intermediates] = chainOf(issuing, [...others, ...known]).reverse();
  if (root === undefined || !isSelfSigned(root))
    throw new ClusterCaError(
      'ERR_CONFIG',
      `${file.name} does not hold the CAs from the issuing CA to the root: ${nameText((root ?? issuing).issuer)} is missing`,
      { hint: 'put them behind the certificate: cat issuing.pem intermediate.pem root.pem' },
    );
  intermediates.reverse();
  const verdict = verifyFiles({
    subject: { name: 'the issuing CA', bytes: issuing.der },
    trust: [{ name: 'the root CA', bytes: root.der }],
    untrusted: intermediates.map(({ der }) => ({ name: 'an intermediate CA', bytes: der })),
    now,
    verify,
    sha256: (data) => sha256(data),
  });
  if (!verdict.valid)
    throw refused(
      `does not validate to that root: ${verdict.failures[0]?.message}`,
      `cluster-ca verify ${file.name} --trust ROOT`,
    );
  const asked = {
    constraints: constraintsFor(policy.domains, policy.permitIp),
    subject: encodeName(commonName(name)),
    lifetime: policy.issuingLifetime,
  };
  const early = [...intermediates, root].filter(({ notAfter }) => notAfter < issuing.notAfter);
  return {
    issuing,
    intermediates,
    root,
    leftOut: [
      ...leftOut(issuing, asked),
      ...early.map(
        ({ subject, notAfter }) =>
          `${nameText(subject)} above it ends before it, on ${formatTime(notAfter)}: nothing validates from then on`,
      ),
    ],
  };
}

/** A CA of another PKI as an authority, and what stands for its key. @throws ERR_POLICY for a type of key that is not known */
export function externalCa(certificate: Certificate): { certificate: Certificate; keyType: KeyType; key: ExternalKey } {
  const found = keyTypeName(certificate.publicKey);
  const keyType = KEY_TYPES.find((type) => type === found);
  if (keyType === undefined)
    throw new ClusterCaError(
      'ERR_POLICY',
      `the key of ${nameText(certificate.subject)} is ${found}, which this version does not know`,
      { hint: `one of ${KEY_TYPES.join(', ')}` },
    );
  return { certificate, keyType, key: { external: true, keyType, spki: certificate.publicKey.der } };
}

function checkIssuing(issuing: Certificate, pending: Pending): void {
  if (!equalBytes(issuing.publicKey.der, parseCsr(fromBase64(pending.csr)).publicKey.der))
    throw refused(
      'is for another key than the request',
      'have issuing.csr signed; the certificate comes first in the file',
    );
  const value = (oid: string) => findExtension(issuing.extensions, oid)?.value;
  const [basic, usage] = [value(OID.basicConstraints), value(OID.keyUsage)];
  if (basic === undefined || !parseBasicConstraints(basic).cA)
    throw refused('is not that of a CA', 'ask for basicConstraints CA:TRUE, as the request does');
  const usages = usage === undefined ? undefined : parseKeyUsage(usage);
  if (usages !== undefined && !(usages.has('keyCertSign') && usages.has('cRLSign')))
    throw refused(
      'does not let it sign certificates and CRLs',
      'ask for the key usages keyCertSign and cRLSign, as the request does',
    );
  if (value(OID.subjectKeyIdentifier) === undefined)
    throw refused('has no subject key identifier', 'a CA certificate must have one (RFC 5280 §4.2.1.2)');
}

/** From a certificate up, as far as there are issuers whose key has signed it. The certificate itself is left out. */
function chainOf(certificate: Certificate, others: readonly Certificate[]): Certificate[] {
  const chain: Certificate[] = [];
  for (let below = certificate; !isSelfSigned(below) && chain.length <= others.length; ) {
    const above = others.find(
      (one) => isIssuedBy(below, one) && verify(one.publicKey, below.signatureAlgorithm, below.tbs, below.signature),
    );
    if (above === undefined) break;
    chain.push(above);
    below = above;
  }
  return chain;
}

function isSelfSigned({ subject, issuer }: Certificate): boolean {
  return equalBytes(subject, issuer);
}

function refused(problem: string, hint: string): ClusterCaError {
  return new ClusterCaError('ERR_POLICY', `the issuing CA's certificate ${problem}`, { hint });
}

function parsed(der: Uint8Array, name: string): Certificate {
  try {
    return parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_CONFIG', `${name} holds a certificate that cannot be read: ${cause.message}`, {
      cause,
    });
  }
}
