import type { InspectionDocument, Subject } from './document.ts';

/** A field in which two things differ; a list says what only one of them has. */
export interface Difference {
  field: string;
  /** Absent where the first has no such field. */
  a?: unknown;
  b?: unknown;
}

/** What `inspect A B` says. */
export interface Comparison {
  kind: 'comparison';
  /** Both are the same to the octet; only for things that have a fingerprint. */
  identical: boolean;
  /** Both have the same public key; absent where one of them hides or has none. */
  sameKey?: boolean;
  a: { kind: Subject['kind']; subject?: string; fingerprint?: string };
  b: { kind: Subject['kind']; subject?: string; fingerprint?: string };
  /** In the order of the fields of the first; empty when the kinds have nothing to compare. */
  differences: Difference[];
}

/** Judgements and containers, not facts of the thing itself. */
const LEFT_OUT = new Set(['kind', 'problems', 'others', 'belongsTo', 'revoked', 'certificates']);

/**
 * What differs between two inspected files: field by field, the first certificate where a file has a chain. A key and
 * a certificate, or a request, have few fields in common: `sameKey` is then the answer.
 */
export function compareDocuments(first: InspectionDocument, second: InspectionDocument): Comparison {
  const a = mainOf(first);
  const b = mainOf(second);
  const keyA = 'spkiSha256' in a ? a.spkiSha256 : undefined;
  const keyB = 'spkiSha256' in b ? b.spkiSha256 : undefined;
  const fingerprint = 'fingerprint' in a ? a.fingerprint : undefined;
  return {
    kind: 'comparison',
    identical: fingerprint !== undefined && 'fingerprint' in b && fingerprint === b.fingerprint,
    ...(keyA === undefined || keyB === undefined ? {} : { sameKey: keyA === keyB }),
    a: nameOf(a),
    b: nameOf(b),
    differences: a.kind === b.kind ? differences(fieldsOf(a), fieldsOf(b)) : [],
  };
}

function differences(a: Map<string, unknown>, b: Map<string, unknown>): Difference[] {
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((field) => {
    const left = a.get(field);
    const right = b.get(field);
    if (JSON.stringify(left) === JSON.stringify(right)) return [];
    return [{ field, ...(left === undefined ? {} : { a: left }), ...(right === undefined ? {} : { b: right }) }];
  });
}

/** A chain is compared by the certificate that its path begins with, a container by what is in it. */
function mainOf(document: InspectionDocument | Subject): Subject {
  if ((document.kind === 'pkcs7' || document.kind === 'pkcs12') && 'others' in document) {
    const inside = document.others?.find(({ kind }) => kind === 'certificate' || kind === 'chain');
    return inside === undefined ? document : mainOf(inside);
  }
  if (document.kind !== 'chain') return document;
  const leaf = document.certificates.find(({ fingerprint }) => fingerprint === document.path?.[0]);
  const main = leaf ?? document.certificates[0];
  return main === undefined ? document : { kind: 'certificate', ...main };
}

function nameOf(subject: Subject): Comparison['a'] {
  return {
    kind: subject.kind,
    ...('subject' in subject ? { subject: subject.subject } : {}),
    ...('fingerprint' in subject ? { fingerprint: subject.fingerprint } : {}),
  };
}

/** Extensions by their names, so that each is compared with its like; those with a field of their own only by `critical`. */
function fieldsOf(subject: Subject): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [field, value] of Object.entries(subject)) {
    if (LEFT_OUT.has(field)) continue;
    if (field !== 'extensions') fields.set(field, value);
  }
  if (subject.kind === 'crl')
    fields.set(
      'revoked serials',
      subject.revoked.map(({ serial }) => serial),
    );
  if (!('extensions' in subject)) return fields;
  for (const { oid, name, critical, value } of subject.extensions)
    fields.set(`extension ${name ?? oid}`, { critical, ...(value === undefined ? {} : { value }) });
  return fields;
}
