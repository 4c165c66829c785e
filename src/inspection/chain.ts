import { toHex } from '../pki/encoding.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { describeCertificate, verifies } from './certificate.ts';
import type { CertificateDescription } from './certificate-description.ts';
import type { InspectionContext } from './context.ts';
import { critical, info, type Problem, warning } from './problem.ts';

/** Several certificates of one file, as a server would send them or a client would trust them. */
export interface ChainDescription {
  /** `bundle`: they are of one sort and none of them issued another, as in a file of trust anchors. */
  form: 'chain' | 'bundle';
  /** In the file's order. */
  certificates: CertificateDescription[];
  /** Of a chain: the fingerprints from its end-entity certificate upwards. */
  path?: string[];
  /** Of a chain: whether the file begins with the end-entity certificate and keeps the path's order, as RFC 5246 §7.4.2 has it. */
  ordered?: boolean;
  /** Of a chain: whether it ends in a self-signed certificate. */
  complete?: boolean;
  /** Of a chain that does not: the issuer that is not in the file. */
  missingIssuer?: string;
  /** Of a chain: fingerprints of what is not on the path. */
  superfluous?: string[];
  problems: Problem[];
}

/** Signatures that are checked in one file, at most: names that all match must not cost a square of the certificates. */
const MOST_SIGNATURES = 500;

/** Describes two certificates or more: the path from the end-entity certificate, and what stands outside of it. */
export function describeChain(certificates: readonly Certificate[], context: InspectionContext): ChainDescription {
  const described = certificates.map((certificate) => describeCertificate(certificate, context));
  const links = findLinks(certificates, described, context);
  const problems: Problem[] = described.flatMap(({ fingerprint, problems: own }) =>
    own.map((problem) => ({ ...problem, fingerprint })),
  );
  const base = { certificates: described, problems };
  problems.push(...links.problems, ...duplicates(described));
  if (isBundle(described, links)) return { form: 'bundle', ...base };
  const path = longestPath(described, links.issuerOf);
  const on = new Set(path);
  const top = described[path[path.length - 1] as number] as CertificateDescription;
  const ordered = path[0] === 0 && path.every((index, i) => i === 0 || index > (path[i - 1] as number));
  const superfluous = described.filter((_, i) => !on.has(i)).map(({ fingerprint }) => fingerprint);
  problems.push(...orderProblems(path, ordered), ...superfluousProblems(described, on));
  if (!top.selfSigned) problems.push(...gapProblems(top, described, on));
  else
    problems.push({
      ...info('root-included', 'it is the root: harmless, but a server need not send it'),
      fingerprint: top.fingerprint,
    });
  return {
    form: 'chain',
    ...base,
    path: path.map((index) => (described[index] as CertificateDescription).fingerprint),
    ordered,
    complete: top.selfSigned,
    ...(top.selfSigned ? {} : { missingIssuer: top.issuer }),
    superfluous,
  };
}

/** No certificate issued another, and they are of one sort: trust anchors, or the certificates of several nodes. */
function isBundle(described: readonly CertificateDescription[], { issuerOf, problems }: Links): boolean {
  const leaves = described.filter(({ role }) => role === 'end-entity').length;
  const oneSort = leaves === 0 || leaves === described.length;
  return oneSort && problems.length === 0 && issuerOf.every((issuer) => issuer === undefined);
}

interface Links {
  /** For each certificate the one that issued it, by name and signature; undefined for self-signed ones too. */
  issuerOf: (number | undefined)[];
  problems: Problem[];
}

function findLinks(
  certificates: readonly Certificate[],
  described: readonly CertificateDescription[],
  context: InspectionContext,
): Links {
  const bySubject = new Map<string, number[]>();
  certificates.forEach(({ subject }, i) => {
    const key = toHex(subject);
    const list = bySubject.get(key);
    if (list === undefined) bySubject.set(key, [i]);
    else list.push(i);
  });
  let left = MOST_SIGNATURES;
  const problems: Problem[] = [];
  const issuerOf = certificates.map((certificate, i) => {
    const own = described[i] as CertificateDescription;
    if (own.selfSigned) return undefined;
    const named = (bySubject.get(toHex(certificate.issuer)) ?? []).filter((j) => j !== i);
    const tried = named.slice(0, left);
    left -= tried.length;
    const issuer = tried.find((j) => verifies(certificate, certificates[j] as Certificate, context));
    if (issuer === undefined && tried.length > 0 && tried.length === named.length)
      problems.push({
        ...critical(
          'signature',
          `${named.length === 1 ? 'a certificate has' : 'certificates have'} its issuer's name, but not the key that signed it`,
        ),
        fingerprint: own.fingerprint,
      });
    return issuer;
  });
  if (left <= 0) problems.push(warning('too-many-signatures', `only ${MOST_SIGNATURES} signatures were checked`));
  return { issuerOf, problems };
}

/** From the first certificate that is nobody's issuer, end-entity ones first, upwards. */
function longestPath(
  described: readonly CertificateDescription[],
  issuerOf: readonly (number | undefined)[],
): number[] {
  const issuers = new Set(issuerOf);
  const leaves = described.map((_, i) => i).filter((i) => !issuers.has(i));
  const start = leaves.find((i) => described[i]?.role === 'end-entity') ?? leaves[0] ?? 0;
  const path: number[] = [];
  for (let at: number | undefined = start; at !== undefined && !path.includes(at); at = issuerOf[at]) path.push(at);
  return path;
}

function orderProblems(path: readonly number[], ordered: boolean): Problem[] {
  if (ordered) return [];
  const order = path.map((index) => index + 1).join(', ');
  return [critical('order', `the file is out of order: its certificates belong in the order ${order}`)];
}

function superfluousProblems(described: readonly CertificateDescription[], on: ReadonlySet<number>): Problem[] {
  const seen = new Set<string>();
  return described.flatMap(({ fingerprint }, i) => {
    const again = seen.has(fingerprint);
    seen.add(fingerprint);
    return on.has(i) || again ? [] : [{ ...warning('superfluous', 'it is not part of the chain'), fingerprint }];
  });
}

function gapProblems(
  top: CertificateDescription,
  described: readonly CertificateDescription[],
  on: ReadonlySet<number>,
): Problem[] {
  // A root outside of the path shows that somebody meant the chain to be whole.
  const { fingerprint, role } = top;
  const broken = role === 'end-entity' || described.some((other, i) => !on.has(i) && other.role !== 'end-entity');
  return broken
    ? [{ ...critical('gap', 'the certificate of its issuer is not in the file'), fingerprint }]
    : [
        {
          ...info(
            'no-root',
            'its issuer is not in the file: a root normally is not, clients have it as a trust anchor',
          ),
          fingerprint,
        },
      ];
}

function duplicates(described: readonly CertificateDescription[]): Problem[] {
  const first = new Map<string, number>();
  return described.flatMap(({ fingerprint }, i) => {
    const before = first.get(fingerprint);
    if (before === undefined) first.set(fingerprint, i);
    return before === undefined
      ? []
      : [warning('duplicate', `number ${i + 1} of the file is the same certificate as number ${before + 1}`)];
  });
}
