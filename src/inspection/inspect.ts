import type { Certificate } from '../pki/x509/certificate.ts';
import { describeCertificate } from './certificate.ts';
import { describeChain } from './chain.ts';
import type { InspectionContext } from './context.ts';
import { describeCrl } from './crl.ts';
import { describeCsr } from './csr.ts';
import type { InspectionDocument, Subject } from './document.ts';
import { type Item, readItems, type Unread } from './items.ts';
import { describeKey } from './key.ts';
import { critical, type Problem, warning } from './problem.ts';

/**
 * Describes a file in PEM or DER: a certificate, a chain, a request, a CRL, a private key, or several of these in
 * one file. What is wrong inside is in `problems`.
 * @throws ClusterCaError ERR_CONFIG when nothing in it can be read
 */
export function inspectBytes(bytes: Uint8Array, context: InspectionContext): InspectionDocument {
  const { items, unread } = readItems(bytes, context.source ?? 'the input');
  const subjects = describeItems(items, context);
  const pairing = pairKeys(subjects);
  const [main, ...others] = subjects as [Subject, ...Subject[]];
  main.problems.push(...pairing, ...unread.map(unreadProblem));
  return others.length === 0 ? main : { ...main, others };
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
