import { ClusterCaError } from '../errors.ts';

/** Levels of arrays and objects inside each other; what is written has at most 6. */
const DEEPEST = 32;

/** What canonical JSON can hold: no fractions, no exponents, no undefined. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * JSON in the one form that the keystore accepts (RFC 8785 restricted to integers): keys in UTF-16 code unit order,
 * no white space. Undefined members are left out.
 */
export function encodeCanonical(value: unknown): string {
  return write(value, 0) ?? 'null';
}

/** UTF-8 without leniency: a byte order mark stays, a malformed octet is refused. @throws ERR_KEYSTORE_TAMPERED */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw tampered(`${what} is not UTF-8`, cause);
  }
}

/** The octets of a file that is one line of canonical JSON. */
export function encodeCanonicalFile(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${encodeCanonical(value)}\n`);
}

/** Reads a file that is one line of canonical JSON, its newline included. @throws ERR_KEYSTORE_TAMPERED */
export function decodeCanonicalFile(bytes: Uint8Array, what: string): Json {
  const text = decodeUtf8(bytes, what);
  if (!text.endsWith('\n')) throw tampered(`${what} is cut off`);
  return decodeCanonical(text.slice(0, -1), what);
}

/** The member `v` of a decoded file, whatever else is in it: a later version may have any other form. */
export function versionOf(value: Json): number | undefined {
  const v = typeof value === 'object' && value !== null && !Array.isArray(value) ? value.v : undefined;
  return typeof v === 'number' ? v : undefined;
}

/**
 * Parses canonical JSON: encoded again, it must give the same text, so a flipped bit, a doubled key or a lenient
 * number cannot hide.
 * @throws ClusterCaError ERR_KEYSTORE_TAMPERED
 */
export function decodeCanonical(text: string, what: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw tampered(`${what} is not JSON`, cause);
  }
  if (encodeCanonical(value) !== text) throw tampered(`${what} is not in canonical form`);
  return value;
}

/** The error of a keystore whose content is not what was written. */
export function tampered(message: string, cause?: unknown): ClusterCaError {
  return new ClusterCaError('ERR_KEYSTORE_TAMPERED', message, {
    hint: 'cluster-ca keystore check says what is damaged; restore the keystore from a backup',
    cause,
  });
}

/** The text of a value; undefined for one that JSON leaves out. */
function write(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw tampered('a number is not an integer');
    return `${value}`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (depth >= DEEPEST) throw tampered(`nested deeper than ${DEEPEST} levels`);
  if (Array.isArray(value)) {
    let elements = '';
    for (let i = 0; i < value.length; i++) elements += `${i === 0 ? '' : ','}${write(value[i], depth + 1) ?? 'null'}`;
    return `[${elements}]`;
  }
  const keys = Object.keys(value);
  if (!inOrder(keys)) keys.sort();
  let members = '';
  for (const key of keys) {
    const label = labelOf(key);
    const member = write((value as Record<string, unknown>)[key], depth + 1);
    if (member !== undefined) members += `${members === '' ? '' : ','}${label}${member}`;
  }
  return `{${members}}`;
}

/** Whether the keys are in the order of their code units already, as those of a text that is read are. */
function inOrder(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return false;
  return true;
}

/** What stands before a member. Names of members are few, and the same ones are written over and over. */
const labels = new Map<string, string>();
const MOST_LABELS = 256;

function labelOf(key: string): string {
  const known = labels.get(key);
  if (known !== undefined) return known;
  // Engines put members that are named by a number first, so their order would not be ours.
  if (/^\d+$/.test(key)) throw tampered('a member is named by a number');
  const label = `${quoted(key)}:`;
  if (labels.size < MOST_LABELS) labels.set(key, label);
  return label;
}

/** Half of a surrogate pair has no UTF-8: implementations would write it in different ways. */
function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (/\p{Surrogate}/u.test(text)) throw tampered('a text is not well-formed Unicode');
  return JSON.stringify(text);
}

/** Printable ASCII without a quotation mark and a backslash. */
const PLAIN = /^[ !#-[\]-~]*$/;
