import { sha256, sha256Hex } from '../crypto/hash.ts';
import { nameText } from '../inspection/certificate-object.ts';
import type { Identity } from '../keystore/identity.ts';
import { fromBase64, toHex } from '../pki/encoding.ts';
import { prepareCertificate } from '../pki/prepare.ts';
import { formatSerial } from '../pki/serial.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';
import { keyValues } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import { askedCertificates } from './asked.ts';
import { type CrlContent, crlContent, oddities } from './crl-content.ts';
import type { CeremonyAnswer, CeremonyKind, CeremonyRequest } from './documents.ts';
import { type Permitted, permittedBy } from './permitted.ts';

/** One certificate, as it is asked for; `fingerprint` once it is signed. */
interface CertificateLine {
  what: string;
  subject: string;
  serial: string;
  notBefore: string;
  notAfter: string;
  /** SHA-256 of its public key; absent for a key that is made there. */
  key?: string;
  fingerprint?: string;
}

/** One entry of the CRL. */
interface Revocation {
  serial: string;
  at: string;
  reason: string;
  invalidityDate?: string;
}

/** One root whose key is removed: what tells it from every other. */
interface RemovedRoot {
  authority: string;
  subject: string;
  notAfter: string;
  /** SHA-256 of its public key. */
  key: string;
  fingerprint: string;
}

/** What was asked for and signed, for those who were there and for those who read of it: the same on both machines. */
export interface Transcript {
  asks: CeremonyKind;
  cluster: string;
  /** The root that is asked, and its certificate's fingerprint. */
  authority: string;
  root: string;
  /** When it was asked for, by the clock of whoever asked. */
  createdAt: string;
  /** Its CRL. */
  number?: string;
  thisUpdate?: string;
  nextUpdate?: string;
  revoked?: string[];
  revocations?: Revocation[];
  certificates?: CertificateLine[];
  /** What the new issuing CA permits. */
  permits?: string[];
  /** What is odd, or wider than a cluster of its own needs: for whoever signs to ask about. */
  beware?: string[];
  /** The roots whose keys are destroyed. */
  destroys?: string[];
  roots?: RemovedRoot[];
  /** SHA-256 of the files. */
  request: string;
  answer?: string;
  crl?: string;
  signedAt?: string;
  actor?: string;
}

/** The transcript of a request, and of the answer to it. */
export async function transcriptOf(
  identity: Identity,
  request: CeremonyRequest,
  bytes: Uint8Array,
  signed?: { answer: CeremonyAnswer; bytes: Uint8Array },
): Promise<Transcript> {
  const { cluster, authority, createdAt, tbs, ca, destroyed, type } = request;
  const { certificates, permitted } = ca === undefined ? {} : await newCas(identity, request, signed?.answer);
  const crl = tbs && crlContent(fromBase64(tbs), authority);
  const beware = [...(crl ? oddities(crl, request) : []), ...(permitted?.wide ?? [])];
  return {
    asks: type,
    cluster,
    authority: authority.id,
    root: sha256Hex(fromBase64(authority.certificate)),
    createdAt,
    ...(crl ? crlLines(crl) : {}),
    ...(certificates === undefined ? {} : { certificates }),
    ...(permitted === undefined ? {} : permitLines(permitted)),
    ...(beware.length === 0 ? {} : { beware }),
    ...(destroyed === undefined ? {} : { destroys: destroyed.map(({ id }) => id), roots: destroyed.map(removedRoot) }),
    request: sha256Hex(bytes),
    ...(signed === undefined ? {} : answerLines(signed)),
  };
}

function removedRoot({ id, certificate }: NonNullable<CeremonyRequest['destroyed']>[number]): RemovedRoot {
  const { der, subject, notAfter, publicKey } = parseCertificate(fromBase64(certificate));
  return {
    authority: id,
    subject: nameText(subject),
    notAfter: new Date(notAfter).toISOString(),
    key: sha256Hex(publicKey.der),
    fingerprint: sha256Hex(der),
  };
}

function answerLines({ answer, bytes }: { answer: CeremonyAnswer; bytes: Uint8Array }) {
  const { crl, signedAt, actor } = answer;
  return {
    answer: sha256Hex(bytes),
    ...(crl === undefined ? {} : { crl: sha256Hex(fromBase64(crl)) }),
    signedAt,
    actor,
  };
}

function crlLines({ number, thisUpdate, nextUpdate, entries }: CrlContent) {
  return {
    number: number.toString(),
    thisUpdate: thisUpdate.toISOString(),
    nextUpdate: nextUpdate.toISOString(),
    revoked: entries.map(({ serialNumber }) => toHex(serialNumber)),
    revocations: entries.map(({ serialNumber, revocationDate, reason, invalidityDate }) => ({
      serial: toHex(serialNumber),
      at: revocationDate.toISOString(),
      reason,
      ...(invalidityDate === undefined ? {} : { invalidityDate: invalidityDate.toISOString() }),
    })),
  };
}

function permitLines({ names, ranges }: Permitted) {
  return { permits: [...names, ...(ranges.length === 0 ? [NO_ADDRESS] : ranges)] };
}

async function newCas(
  identity: Identity,
  request: CeremonyRequest,
  answer: CeremonyAnswer | undefined,
): Promise<{ certificates: CertificateLine[]; permitted: Permitted | undefined }> {
  let permitted: Permitted | undefined;
  const signed = answer?.certificates?.map((der) => parseCertificate(fromBase64(der)));
  const lines: CertificateLine[] = [];
  // The new root's key is not there before it is made: until then another stands for it, and is not shown.
  const spki = request.type === 'root' ? (signed?.[0]?.publicKey.der ?? fromBase64(request.ca?.spki ?? '')) : undefined;
  await askedCertificates(identity, request, spki, async ({ what, template, issuer, by }) => {
    const { preview } = prepareCertificate(template, issuer, (data) => sha256(data));
    const made: Certificate | undefined = signed?.[lines.length];
    const known = made !== undefined || (what !== 'root CA' && !(by === 'asked' && request.type === 'root'));
    if (what === 'issuing CA') permitted = permittedBy(preview);
    lines.push({
      what,
      subject: nameText(preview.subject),
      serial: formatSerial(preview.serialNumber),
      notBefore: new Date(preview.notBefore).toISOString(),
      notAfter: new Date(preview.notAfter).toISOString(),
      ...(known ? { key: sha256Hex(preview.publicKey.der) } : {}),
      ...(made === undefined ? {} : { fingerprint: sha256Hex(made.der) }),
    });
    return made ?? preview;
  });
  return { certificates: lines, permitted };
}

const NO_ADDRESS = 'no address';

/** What each kind of request asks for, in words. */
const WORDS: Record<CeremonyKind, string> = {
  crl: 'its CRL',
  issuing: 'a new issuing CA',
  root: 'a new root CA, to follow it',
  'last-crl': 'its last CRL: its key is destroyed next',
  destroy: 'to remove keys that were destroyed',
};

function revocationText({ serial, at, reason, invalidityDate }: Revocation): string {
  return `${serial} at ${at}, ${reason}${invalidityDate === undefined ? '' : `, invalid from ${invalidityDate}`}`;
}

export function transcriptLines(
  { asks, certificates = [], revoked: _, revocations, permits, beware, destroys: __, roots = [], ...rest }: Transcript,
  style: Style,
): string[] {
  const signatures = certificates.flatMap(({ what, subject, serial, notBefore, notAfter, key, fingerprint }) => [
    {
      label: what,
      value: [
        subject,
        `serial ${serial}`,
        `${notBefore} to ${notAfter}`,
        `key ${key ?? 'made there'}`,
        ...(fingerprint === undefined ? [] : [`fingerprint ${fingerprint}`]),
      ],
    },
  ]);
  const { request, answer, crl, signedAt, actor, createdAt, number, thisUpdate, nextUpdate, ...about } = rest;
  const entries = (of: object) => Object.entries(of).map(([label, value]) => ({ label, value: value as string }));
  return keyValues(
    [
      { label: 'asks for', value: WORDS[asks] },
      ...entries({ ...about, 'asked at': createdAt, 'CRL number': number, thisUpdate, nextUpdate }),
      { label: 'revoked', value: revocations?.length === 0 ? 'nothing' : revocations?.map(revocationText) },
      ...signatures,
      { label: 'permits', value: permits?.map((name) => (name === NO_ADDRESS ? name : `"${name}"`)) },
      { label: 'beware', value: beware },
      ...roots.map(({ authority, subject, notAfter, key, fingerprint }) => ({
        label: 'destroys',
        value: [authority, subject, `until ${notAfter}`, `key ${key}`, `fingerprint ${fingerprint}`],
      })),
      ...entries({ request, answer, crl, signedAt, actor }),
    ],
    style,
    { indent: 2 },
  );
}
