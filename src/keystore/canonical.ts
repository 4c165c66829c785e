import { ClusterCaError } from '../errors.ts';

/** What canonical JSON can hold: no fractions, no exponents, no undefined. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * JSON in the one form that the keystore accepts (RFC 8785 restricted to integers): keys in UTF-16 code unit order,
 * no white space. Undefined members are left out.
 */
export function encodeCanonical(value: unknown): string {
  return JSON.stringify(sorted(value));
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

function sorted(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw tampered('a number is not an integer');
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const out: Record<string, unknown> = Object.create(null);
  // An array index as a key would be moved to the front by the engine: such keys are refused.
  for (const key of Object.keys(value).sort()) {
    if (/^\d+$/.test(key)) throw tampered('a member is named by a number');
    out[key] = sorted((value as Record<string, unknown>)[key]);
  }
  return out;
}
