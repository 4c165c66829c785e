import { tampered } from './canonical.ts';

/** A decoder of one JSON value into a type; it throws ERR_KEYSTORE_TAMPERED with the path of what does not fit. */
export type Shape<T> = (value: unknown, path: string) => T;

/** The type that a shape decodes to. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

export const text: Shape<string> = (value, path) => {
  if (typeof value !== 'string') throw unfit(path, 'a string');
  return value;
};

export const integer: Shape<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unfit(path, 'a natural number');
  return value;
};

export const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw unfit(path, 'true or false');
  return value;
};

/** A string that matches; `what` says it in words. */
export function pattern(expression: RegExp, what: string): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string' || !expression.test(value)) throw unfit(path, what);
    return value;
  };
}

/** Lower-case hex of this many octets. */
export function hex(octets: number): Shape<string> {
  return pattern(new RegExp(`^[0-9a-f]{${2 * octets}}$`), `${octets} octets in hex`);
}

/** Canonical base64: padding present, unused bits zero. */
export const base64: Shape<string> = pattern(
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/,
  'base64',
);

/** Base64 of this many octets. */
export function base64Of(octets: number): Shape<string> {
  return (value, path) => {
    const text = base64(value, path);
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    if ((text.length / 4) * 3 - padding !== octets) throw unfit(path, `${octets} octets in base64`);
    return text;
  };
}

/** RFC 3339 in UTC with milliseconds, as `Date.toISOString` writes it; behind 1970-01-01T00:00:00.000Z, which rows of the snapshot take for none. */
export const timestamp: Shape<string> = (value, path) => {
  if (typeof value !== 'string' || !/^\d{4}-/.test(value)) throw unfit(path, 'a time');
  const date = new Date(value);
  if (!(date.getTime() > 0) || date.toISOString() !== value) throw unfit(path, 'a time');
  return value;
};

export function oneOf<const T extends string>(...values: T[]): Shape<T> {
  return (value, path) => {
    if (!values.includes(value as T)) throw unfit(path, values.join(' or '));
    return value as T;
  };
}

export function list<T>(element: Shape<T>, most = 4096): Shape<T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > most) throw unfit(path, `a list of at most ${most}`);
    return value.map((item, i) => element(item, `${path}[${i}]`));
  };
}

type Fields = Record<string, Shape<unknown> | Optional<unknown>>;
type Required<F> = { [K in keyof F as F[K] extends Optional<unknown> ? never : K]: Shaped<F[K]> };
type Optionals<F> = {
  [K in keyof F as F[K] extends Optional<unknown> ? K : never]?: F[K] extends Optional<infer T> ? T : never;
};
export interface Optional<T> {
  optional: Shape<T>;
}

export function optional<T>(shape: Shape<T>): Optional<T> {
  return { optional: shape };
}

/** An object of exactly these members. */
export function record<F extends Fields>(fields: F): Shape<Required<F> & Optionals<F>> {
  const names = Object.keys(fields);
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unfit(path, 'an object');
    const input = value as Record<string, unknown>;
    const out: Record<string, unknown> = {};
    for (const name of names) {
      const field = fields[name] as Shape<unknown> | Optional<unknown>;
      const member = Object.hasOwn(input, name) ? input[name] : undefined;
      if (typeof field === 'function') out[name] = field(member, `${path}.${name}`);
      else if (member !== undefined) out[name] = field.optional(member, `${path}.${name}`);
    }
    for (const name of Object.keys(input)) if (!Object.hasOwn(fields, name)) throw unfit(`${path}.${name}`, 'absent');
    return out as Required<F> & Optionals<F>;
  };
}

function unfit(path: string, expected: string): Error {
  return tampered(`${path} is not ${expected}`);
}
