import { ClusterCaError } from '../../errors.ts';

/** What a PKCS#11 URI (RFC 7512) says of a token, of a key in it, and of how to come to it. */
export interface TokenUri {
  /** CKA_LABEL of the token, its serial number, manufacturer and model: what is given must fit. */
  token?: string;
  serial?: string;
  manufacturer?: string;
  model?: string;
  /** CKA_LABEL of the key, and its CKA_ID. */
  object?: string;
  id?: Uint8Array;
  /** The PKCS#11 library, an absolute path. */
  modulePath?: string;
  /** Where the PIN is: an absolute path. */
  pinSource?: string;
}

const TEXT = ['token', 'serial', 'manufacturer', 'model', 'object'] as const;
/** What a token's URI may have besides, and is of no use here. */
const IGNORED = [
  'type',
  'library-manufacturer',
  'library-description',
  'library-version',
  'slot-manufacturer',
  'slot-description',
];
const HINT = 'as in pkcs11:token=orders?module-path=/usr/lib/softhsm/libsofthsm2.so';

/**
 * Reads a PKCS#11 URI. A PIN in it is refused: a secret is never the value of a flag. What is not known is refused
 * too, because it would say more exactly which token is meant.
 * @throws ERR_USAGE
 */
export function parseTokenUri(text: string): TokenUri {
  const refuse = (why: string, hint = HINT): never => {
    throw new ClusterCaError('ERR_USAGE', `not the URI of a token: ${why}`, { hint });
  };
  const [, path = '', query = ''] = /^pkcs11:([^?#]*)(?:\?([^#]*))?$/.exec(text) ?? refuse('it is none of RFC 7512');
  const uri: TokenUri = {};
  const seen = new Set<string>();
  const parts = [
    ...split(path, ';').map((part) => ({ part, where: 'path' })),
    ...split(query, '&').map((part) => ({ part, where: 'query' })),
  ];
  for (const { part, where } of parts) {
    const [, name = '', value = ''] =
      /^([a-z0-9-]+)=(.*)$/.exec(part) ?? refuse(`${JSON.stringify(part)} is no attribute`);
    if (seen.has(name)) refuse(`${name} is there twice`);
    seen.add(name);
    if (name === 'pin-value')
      refuse(
        'a PIN does not belong into it',
        'give it with --pin-file PATH, or name that file in the URI: pin-source=file:/PATH',
      );
    const octets = decode(value) ?? refuse(`the value of ${name} is not percent-encoded text`);
    const field = TEXT.find((known) => known === name);
    if (where === 'path' && field !== undefined) uri[field] = new TextDecoder().decode(octets);
    else if (where === 'path' && name === 'id') uri.id = octets;
    else if (where === 'query' && name === 'module-path')
      uri.modulePath = absolute(octets) ?? refuse('module-path is not an absolute path');
    else if (where === 'query' && name === 'pin-source')
      uri.pinSource =
        absolute(octets) ?? refuse('pin-source is not file:/PATH', '--pin-command CMD runs a program that prints it');
    else if (where === 'query' || !IGNORED.includes(name)) refuse(`${name} is not understood`);
  }
  return uri;
}

/** Writes one, in one form: what is in it, in a fixed order. */
export function formatTokenUri(uri: TokenUri): string {
  const path = TEXT.flatMap((name) =>
    uri[name] === undefined ? [] : [`${name}=${encode(new TextEncoder().encode(uri[name]))}`],
  );
  if (uri.id !== undefined) path.push(`id=${[...uri.id].map(percent).join('')}`);
  const query = [
    ...(uri.modulePath === undefined ? [] : [`module-path=${encode(new TextEncoder().encode(uri.modulePath))}`]),
    ...(uri.pinSource === undefined ? [] : [`pin-source=file:${encode(new TextEncoder().encode(uri.pinSource))}`]),
  ];
  return `pkcs11:${path.join(';')}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

/** What a token is called to people: its label, or the URI without how to come to it. */
export function tokenName(uri: TokenUri): string {
  const { modulePath: _, pinSource: __, id: ___, object: ____, ...token } = uri;
  return uri.token ?? formatTokenUri(token);
}

function split(text: string, separator: string): string[] {
  return text === '' ? [] : text.split(separator);
}

function absolute(octets: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(octets).replace(/^file:(\/\/(?=\/))?/, '');
  return text.startsWith('/') && !text.includes('\0') ? text : undefined;
}

function decode(value: string): Uint8Array | undefined {
  if (!/^(?:[A-Za-z0-9._~:[\]@!$'()*+,=&/|-]|%[0-9A-Fa-f]{2})*$/.test(value)) return undefined;
  const octets: number[] = [];
  for (let at = 0; at < value.length; at++)
    if (value[at] === '%') {
      octets.push(Number.parseInt(value.slice(at + 1, at + 3), 16));
      at += 2;
    } else octets.push(value.charCodeAt(at));
  return Uint8Array.from(octets);
}

function encode(octets: Uint8Array): string {
  return [...octets]
    .map((octet) => (/[A-Za-z0-9._~/-]/.test(String.fromCharCode(octet)) ? String.fromCharCode(octet) : percent(octet)))
    .join('');
}

function percent(octet: number): string {
  return `%${octet.toString(16).padStart(2, '0').toUpperCase()}`;
}
