import { DerReader, readDer } from '../pki/der/reader.ts';
import { contextTag, TAG } from '../pki/der/tags.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { OID } from '../pki/oids.ts';
import { reasonName } from '../pki/revocation-reason.ts';
import { isWithin } from '../pki/validity.ts';
import { type AlgorithmIdentifier, readAlgorithm } from '../pki/x509/algorithm.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { findExtension } from '../pki/x509/extension.ts';
import type { InspectionContext } from './context.ts';
import { critical, messageOf, type Problem } from './problem.ts';
import { serialText } from './serial-text.ts';
import { rfc3339 } from './time.ts';

/** An OCSP response that a server staples to its certificate (RFC 6960, RFC 6066 §8). */
export interface OcspDescription {
  /** `successful`, or why the responder gave no answer. */
  responseStatus: string;
  /** What it says of the certificate that is served. */
  certificateStatus?: 'good' | 'revoked' | 'unknown' | 'not-covered';
  revokedAt?: string;
  revocationReason?: string;
  producedAt?: string;
  thisUpdate?: string;
  nextUpdate?: string;
  /** `not-checked`: the issuer's certificate is not at hand. */
  signature?: 'valid' | 'invalid' | 'not-checked';
  problems: Problem[];
}

const BASIC = '1.3.6.1.5.5.7.48.1.1';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
const STATUSES = ['successful', 'malformedRequest', 'internalError', 'tryLater', '4', 'sigRequired', 'unauthorized'];
const MOST_RESPONSES = 100;

interface Basic {
  tbs: Uint8Array;
  algorithm: AlgorithmIdentifier;
  signature: Uint8Array;
  certificates: Certificate[];
  producedAt: number;
  responses: Single[];
}

interface Single {
  serial: Uint8Array;
  status: 'good' | 'revoked' | 'unknown';
  revokedAt?: number;
  reason?: number;
  thisUpdate: number;
  nextUpdate: number | undefined;
}

/**
 * Describes a staple for the certificate it is sent with.
 * @param issuer the certificate's issuer, where it is known: it signs the response, or who it has named for that
 */
export function describeOcsp(
  der: Uint8Array,
  certificate: Certificate,
  issuer: Certificate | undefined,
  context: InspectionContext,
): OcspDescription {
  let basic: Basic | string;
  try {
    basic = readResponse(der);
  } catch (error) {
    return {
      responseStatus: 'malformed',
      problems: [critical('ocsp-malformed', `the OCSP staple is no OCSP response: ${messageOf(error)}`)],
    };
  }
  if (typeof basic === 'string')
    return { responseStatus: basic, problems: [critical('ocsp-failed', `the OCSP staple only says ${basic}`)] };
  const single = basic.responses.find(({ serial }) => equalBytes(serial, certificate.serialNumber));
  const description: OcspDescription = {
    responseStatus: 'successful',
    certificateStatus: single?.status ?? 'not-covered',
    ...(single?.revokedAt === undefined ? {} : { revokedAt: rfc3339(single.revokedAt) }),
    ...(single?.reason === undefined ? {} : { revocationReason: reasonName(single.reason) ?? String(single.reason) }),
    producedAt: rfc3339(basic.producedAt),
    ...(single === undefined ? {} : { thisUpdate: rfc3339(single.thisUpdate) }),
    ...(single?.nextUpdate === undefined ? {} : { nextUpdate: rfc3339(single.nextUpdate) }),
    signature: issuer === undefined ? 'not-checked' : isSigned(basic, issuer, context) ? 'valid' : 'invalid',
    problems: [],
  };
  description.problems.push(...problemsOf(description, single, certificate, context.now.getTime()));
  return description;
}

function problemsOf(
  { signature }: OcspDescription,
  single: Single | undefined,
  certificate: Certificate,
  now: number,
): Problem[] {
  const problems: Problem[] = [];
  if (signature === 'invalid')
    problems.push(critical('ocsp-signature', 'neither the issuer nor a responder of its signed the OCSP staple'));
  if (single === undefined)
    return [
      ...problems,
      critical('ocsp-not-covered', `the OCSP staple says nothing of serial ${serialText(certificate.serialNumber)}`),
    ];
  if (single.status !== 'good')
    problems.push(critical(`ocsp-${single.status}`, `the OCSP staple says ${single.status}`));
  if (single.nextUpdate !== undefined && single.nextUpdate < now)
    problems.push(critical('ocsp-expired', `the OCSP staple was to be renewed by ${rfc3339(single.nextUpdate)}`));
  if (single.thisUpdate > now) problems.push(critical('ocsp-early', 'the OCSP staple is from the future'));
  return problems;
}

/** By the issuer itself, or by a certificate for OCSP signing that the issuer signed (RFC 6960 §4.2.2.2). */
function isSigned(basic: Basic, issuer: Certificate, context: InspectionContext): boolean {
  const { tbs, algorithm, signature, certificates } = basic;
  const delegated = certificates.filter(
    (one) =>
      purposesOf(one).includes(OCSP_SIGNING) &&
      isWithin(one, context.now.getTime()) &&
      context.verifySignature(issuer.publicKey, one.signatureAlgorithm, one.tbs, one.signature),
  );
  return [issuer, ...delegated].some(({ publicKey }) => context.verifySignature(publicKey, algorithm, tbs, signature));
}

function purposesOf({ extensions }: Certificate): string[] {
  const extension = findExtension(extensions, OID.extKeyUsage);
  if (extension === undefined) return [];
  try {
    const list = new DerReader(extension.value).enter();
    const purposes: string[] = [];
    while (!list.done) purposes.push(list.oid());
    return purposes;
  } catch {
    return [];
  }
}

/** The basic response, or the status of one that failed. @throws DerError */
function readResponse(der: Uint8Array): Basic | string {
  return readDer(der, (reader) => {
    const outer = reader.enter();
    const status = outer.smallInteger(TAG.enumerated);
    if (status !== 0) {
      while (!outer.done) outer.raw();
      return STATUSES[status] ?? String(status);
    }
    const bytes = outer.enter(contextTag(0, true)).enter();
    if (bytes.oid() !== BASIC) return 'another response type';
    return readDer(bytes.content(TAG.octetString), readBasic);
  });
}

function readBasic(reader: DerReader): Basic {
  const outer = reader.enter();
  const start = outer.offset;
  const data = outer.enter();
  const tbs = outer.since(start);
  data.enterOptional(contextTag(0, true));
  data.raw();
  const producedAt = data.time();
  const list = data.enter();
  const responses: Single[] = [];
  while (!list.done && responses.length < MOST_RESPONSES) responses.push(readSingle(list.enter()));
  const algorithm = readAlgorithm(outer);
  const signature = outer.octetAlignedBitString();
  const certificates: Certificate[] = [];
  const more = outer.enterOptional(contextTag(0, true))?.enter();
  while (more !== undefined && !more.done && certificates.length < 10) certificates.push(parseCertificate(more.raw()));
  return { tbs, algorithm, signature, certificates, producedAt, responses };
}

function readSingle(reader: DerReader): Single {
  const id = reader.enter();
  id.raw();
  id.raw();
  id.raw();
  const serial = id.integer();
  const status = readStatus(reader);
  const thisUpdate = reader.time();
  const next = reader.enterOptional(contextTag(0, true));
  return { serial, ...status, thisUpdate, nextUpdate: next === undefined ? undefined : next.time() };
}

function readStatus(reader: DerReader): Pick<Single, 'status' | 'revokedAt' | 'reason'> {
  const tag = reader.peek();
  if (tag !== contextTag(1, true)) {
    reader.raw();
    return { status: tag === contextTag(0, false) ? 'good' : 'unknown' };
  }
  const revoked = reader.enter(tag);
  const revokedAt = revoked.time();
  const reason = revoked.enterOptional(contextTag(0, true))?.smallInteger(TAG.enumerated);
  return { status: 'revoked', revokedAt, ...(reason === undefined ? {} : { reason }) };
}
