import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { sha256Hex } from '../crypto/hash.ts';
import { isClusterCaError } from '../errors.ts';
import { critical, info, type Problem } from '../inspection/problem.ts';
import { heading } from '../inspection/text/certificate.ts';
import { problemLines } from '../inspection/text/problems.ts';
import { layout } from '../keystore/directory/layout.ts';
import { decodeIdentity, type Identity } from '../keystore/identity.ts';
import { decodeRecord } from '../keystore/log/record.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { keyValues } from '../ui/text/lines.ts';
import { safeJson, safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { wrap } from '../ui/text/wrap.ts';
import type { Inspected } from './context.ts';

const FORM = /^(\{[^\n]*\})\n[0-9a-f]{128}\n$/;
const MOST_OCTETS = 256 * 1024;
const MOST_LINES = 60;

/** What `inspect` says of one record of a keystore's log. */
export interface RecordDocument {
  kind: 'record';
  seq?: number;
  time?: string;
  actor?: string;
  op?: string;
  requestId?: string;
  prev?: string;
  /** SHA-256 of the file: what the next record names. */
  hash: string;
  /** By the audit key of the keystore that it lies in. */
  signature: 'valid' | 'invalid' | 'not-checked';
  /** Whether the record before it, in that keystore, is the one that it names. */
  follows?: boolean;
  body?: unknown;
  problems: Problem[];
}

/** True for a file that looks like a record of the log. */
export function looksLikeRecord(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b && bytes.length <= MOST_OCTETS && FORM.test(new TextDecoder('latin1').decode(bytes));
}

/** Describes a record of the log, with its place in the keystore where it lies in one. */
export function inspectRecord(bytes: Uint8Array, path: string): Inspected {
  const line = FORM.exec(new TextDecoder().decode(bytes))?.[1] ?? '{}';
  const problems: Problem[] = [];
  const fields = parsed(line, problems);
  const root = dirname(dirname(dirname(resolve(path))));
  const identity = identityIn(root);
  if (identity === undefined)
    problems.push(info('no-keystore', 'it lies in no keystore: its signature is not checked'));
  const seq = /^\d{1,15}$/.test(basename(path)) ? Number(basename(path)) : Number(fields.seq);
  const document: RecordDocument = {
    kind: 'record',
    ...fields,
    hash: sha256Hex(bytes),
    signature: identity === undefined ? 'not-checked' : signatureOf(identity, seq, bytes, problems),
    ...(identity === undefined || seq < 1 ? {} : follows(root, seq, fields.prev, problems)),
    problems,
  };
  return { document, text: (style) => renderRecord(document, style) };
}

type Fields = Pick<RecordDocument, 'seq' | 'time' | 'actor' | 'op' | 'requestId' | 'prev' | 'body'>;

function parsed(line: string, problems: Problem[]): Fields {
  try {
    const { seq, time, actor, op, requestId, prev, body } = JSON.parse(line) as Fields;
    return { ...{ seq, time, actor, op, requestId, prev, body } } as Fields;
  } catch {
    problems.push(critical('malformed', 'it is no JSON'));
    return {};
  }
}

function identityIn(root: string): Identity | undefined {
  try {
    return decodeIdentity(readFileSync(layout.identity(root)));
  } catch {
    return undefined;
  }
}

function signatureOf(identity: Identity, seq: number, bytes: Uint8Array, problems: Problem[]): 'valid' | 'invalid' {
  try {
    decodeRecord(identity.id, seq, bytes, fromBase64(identity.auditKey));
    return 'valid';
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    problems.push(critical('tampered', error.message));
    return 'invalid';
  }
}

function follows(root: string, seq: number, prev: string | undefined, problems: Problem[]): { follows?: boolean } {
  let before: Uint8Array;
  try {
    before = readFileSync(layout.record(root, seq - 1));
  } catch {
    return {};
  }
  const agrees = sha256Hex(before) === prev;
  if (!agrees) problems.push(critical('chain-broken', `record ${seq - 1} is not the one that it follows`));
  return { follows: agrees };
}

function renderRecord(document: RecordDocument, style: Style): string {
  const { seq, time, actor, op, requestId, prev, hash, signature, body } = document;
  const lines = safeJson(body ?? {}).split('\n');
  const room = style.width - 4;
  return [
    heading(`log record ${seq ?? '?'}${op === undefined ? '' : `: ${op}`}`, style),
    ...problemLines(document.problems, style, 2),
    ...keyValues(
      [
        { label: 'time', value: time },
        { label: 'by', value: actor },
        { label: 'request', value: requestId },
        { label: 'signature', value: signature, paint: signature === 'invalid' ? style.bad : style.good },
        { label: 'hash', value: hash },
        { label: 'follows', value: prev },
      ],
      style,
      { indent: 2, labelWidth: 12 },
    ),
    '',
    ...lines.slice(0, MOST_LINES).flatMap((line) => {
      const indent = /^ */.exec(line)?.[0] ?? '';
      return wrap(safeText(line.trimStart(), style), room - indent.length).map((part) => `  ${indent}${part}`);
    }),
    ...(lines.length > MOST_LINES ? [style.dim('  and more: --json has it all')] : []),
  ].join('\n');
}
