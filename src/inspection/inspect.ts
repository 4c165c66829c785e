import { ClusterCaError } from '../errors.ts';
import { DerError } from '../pki/der/error.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import { describeCertificate } from './certificate.ts';
import { describeChain } from './chain.ts';
import { type Container, readContainer } from './container.ts';
import type { InspectionContext } from './context.ts';
import { describeCrl } from './crl.ts';
import { describeCsr } from './csr.ts';
import type { InspectionDocument, Subject } from './document.ts';
import { type Item, readItems, type Unread } from './items.ts';
import { describeKey } from './key.ts';
import { critical, type Problem, warning } from './problem.ts';

/**
 * Describes a file in PEM or DER: a certificate, a chain, a request, a CRL, a private key, a PKCS#7 bundle, a
 * PKCS#12 file, or several of these in one file. What is wrong inside is in `problems`.
 * @throws ClusterCaError ERR_CONFIG when nothing in it can be read
 */
export function inspectBytes(bytes: Uint8Array, context: InspectionContext): InspectionDocument {
  const source = context.source ?? 'the input';
  const container = containerOf(bytes, context, source);
  const { items, unread } = container ?? readItems(bytes, source);
  const subjects: Subject[] = [
    ...(container === undefined ? [] : [shellOf(container)]),
    ...describeItems(items, context),
  ];
  // Keys that were decrypted for this are no longer needed.
  for (const item of container?.items ?? []) if (item.kind === 'private-key' && 'der' in item.key) item.key.der.fill(0);
  const pairing = pairKeys(subjects);
  const [main, ...others] = subjects as [Subject, ...Subject[]];
  main.problems.push(...pairing, ...unread.map(unreadProblem));
  return others.length === 0 ? main : { ...main, others };
}

/** @throws ClusterCaError ERR_CONFIG for a container that is broken */
function containerOf(bytes: Uint8Array, { openPkcs12 }: InspectionContext, source: string): Container | undefined {
  try {
    return readContainer(bytes, openPkcs12);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new ClusterCaError('ERR_CONFIG', `${source} is a broken PKCS#12 or PKCS#7 file: ${error.message}`, {
      hint: 'the file may be cut off, or encoded by BER; openssl reads more of those',
      cause: error,
    });
  }
}

/** The container without what is in it, which stands beside it. */
function shellOf({ items: _items, unread: _unread, ...shell }: Container): Subject {
  return shell;
}

function describeItems(items: readonly Item[], context: InspectionContext): Subject[] {
  const certificates = items.flatMap((item) => (item.kind === 'certificate' ? [item.certificate] : []));
  const subjects: Subject[] = [];
  const [only] = certificates;
  if (certificates.length > 1) subjects.push({ kind: 'chain', ...describeChain(certificates, context) });
  else if (only !== undefined) subjects.push({ kind: 'certificate', ...describeCertificate(only, context) });
  for (const kind of ['csr', 'crl', 'private-key'] as const)
    for (const item of items) if (item.kind === kind) subjects.push(describeOther(item, certificates, context));
  return subjects;
}

function describeOther(
  item: Exclude<Item, { kind: 'certificate' }>,
  certificates: readonly Certificate[],
  context: InspectionContext,
): Subject {
  switch (item.kind) {
    case 'csr':
      return { kind: 'csr', ...describeCsr(item.csr, context) };
    case 'crl':
      return { kind: 'crl', ...describeCrl(item.crl, certificates, context) };
    case 'private-key':
      return { kind: 'private-key', ...describeKey(item.key, context) };
  }
}

/** Says for each key which certificates and requests beside it have it; one without any is a problem of the file. */
function pairKeys(subjects: readonly Subject[]): Problem[] {
  const owners = subjects.flatMap(keyOwners);
  if (owners.length === 0) return [];
  return subjects.flatMap((subject) => {
    if (subject.kind !== 'private-key' || subject.spkiSha256 === undefined) return [];
    const own = owners.filter(({ spkiSha256 }) => spkiSha256 === subject.spkiSha256);
    subject.belongsTo = own.map(({ fingerprint }) => fingerprint);
    return own.length > 0
      ? []
      : [critical('key-mismatch', 'the private key in the file belongs to none of its certificates and requests')];
  });
}

function keyOwners(subject: Subject): { fingerprint: string; spkiSha256: string }[] {
  if (subject.kind === 'chain') return subject.certificates;
  return subject.kind === 'certificate' || subject.kind === 'csr' ? [subject] : [];
}

function unreadProblem({ where, reason }: Unread): Problem {
  return warning('unreadable', `${where} was left out: ${reason}`);
}
