import { DerError } from '../der/error.ts';
import { DerReader } from '../der/reader.ts';
import { TAG } from '../der/tags.ts';
import { oid, sequence, setOf, tlv } from '../der/writer.ts';
import { fromAscii, fromHex, isAscii, toHex } from '../encoding.ts';

/** One AttributeTypeAndValue (RFC 5280 §4.1.2.4): the type in dotted form, the value's tag and content. */
export interface Attribute {
  type: string;
  tag: number;
  content: Uint8Array;
}

/** A distinguished name: RDNs from the most general to the most specific, each a set of attributes. */
export type Name = Attribute[][];

/** Short names by RFC 4514 §3 and the ones OpenSSL prints; the keys are upper case. */
const TYPES: Record<string, string> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  TITLE: '2.5.4.12',
  GN: '2.5.4.42',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
  EMAIL: '1.2.840.113549.1.9.1',
};
const COMMON_NAME = '2.5.4.3';
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SHORT_NAMES = new Map(Object.entries(TYPES).map(([short, type]) => [type, short]));

/** Reads a Name (RFC 5280 §4.1.2.4). @throws DerError */
export function readName(reader: DerReader): Name {
  const name: Name = [];
  for (const rdns = reader.enter(); !rdns.done; ) name.push(readRdn(rdns.enter(TAG.set)));
  return name;
}

/** Reads the attributes of one RDN, at least one; the reader is inside its SET. @throws DerError */
export function readRdn(set: DerReader): Attribute[] {
  const rdn: Attribute[] = [];
  do {
    const pair = set.enter();
    const type = pair.oid();
    const tag = pair.peek();
    rdn.push({ type, tag, content: pair.content() });
    pair.end();
  } while (!set.done);
  return rdn;
}

/** Decodes the DER of a Name. @throws DerError */
export function parseName(der: Uint8Array): Name {
  const reader = new DerReader(der);
  const name = readName(reader);
  reader.end();
  return name;
}

/** The DER of a name. */
export function encodeName(name: Name): Uint8Array {
  return sequence(...name.map((rdn) => setOf(...rdn.map((a) => sequence(oid(a.type), tlv(a.tag, a.content))))));
}

/** A name of one common name, as UTF8String (RFC 5280 §4.1.2.4). */
export function commonName(value: string): Name {
  return [[{ type: COMMON_NAME, tag: TAG.utf8String, content: new TextEncoder().encode(value) }]];
}

/** The value as text; undefined for a type that is not a string or is malformed for its type. */
export function attributeText(attribute: Attribute): string | undefined {
  const { tag, content } = attribute;
  switch (tag) {
    case TAG.utf8String:
      try {
        return UTF8.decode(content);
      } catch {
        return undefined;
      }
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
      return isAscii(content) ? fromAscii(content) : undefined;
    case TAG.teletexString:
      return latin1(content);
    case TAG.bmpString:
      return fixedWidth(content, 2);
    case TAG.universalString:
      return fixedWidth(content, 4);
    default:
      return undefined;
  }
}

/** The last (most specific) common name, if the name has one that is text. */
export function commonNameOf(name: Name): string | undefined {
  for (let i = name.length - 1; i >= 0; i--)
    for (const attribute of name[i] as Attribute[]) if (attribute.type === COMMON_NAME) return attributeText(attribute);
  return undefined;
}

/** The RFC 4514 string of a name: most specific RDN first, special characters escaped. The empty name is ''. */
export function formatName(name: Name): string {
  return name
    .toReversed()
    .map((rdn) => rdn.map(formatAttribute).join('+'))
    .join(',');
}

function formatAttribute(attribute: Attribute): string {
  const short = SHORT_NAMES.get(attribute.type);
  const text = attributeText(attribute);
  if (short === undefined || text === undefined) {
    const der = tlv(attribute.tag, attribute.content);
    return `${short ?? attribute.type}=#${toHex(der)}`;
  }
  return `${short}=${escapeValue(text)}`;
}

/** RFC 4514 §2.4. */
function escapeValue(text: string): string {
  return text.replace(/^[ #]|[\\"+,;<>]| $/g, '\\$&').replaceAll('\0', '\\00');
}

/**
 * Reads an RFC 4514 string. Values become UTF8String (PrintableString for a country, IA5String for a domain
 * component and an e-mail address); `#hex` gives the DER itself.
 * @throws DerError for anything that RFC 4514 §3 does not allow, and for an attribute type it does not know
 */
export function parseDistinguishedName(text: string): Name {
  if (text === '') return [];
  const scanner = new Scanner(text);
  const name: Name = [];
  let rdn: Attribute[] = [];
  for (;;) {
    rdn.push(scanner.attribute());
    const separator = scanner.next();
    if (separator !== '+') {
      name.unshift(rdn);
      rdn = [];
    }
    if (separator === undefined) return name;
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The separator behind an attribute: ',' or '+', undefined at the end. */
  next(): string | undefined {
    return this.#text[this.#at++];
  }

  attribute(): Attribute {
    const match = /^(?:([A-Za-z][A-Za-z0-9-]*)|((?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+))=/.exec(
      this.#text.slice(this.#at),
    );
    if (match === null) throw this.#error('expected TYPE=VALUE');
    const type = match[2] ?? TYPES[(match[1] as string).toUpperCase()];
    if (type === undefined) throw this.#error(`unknown attribute type ${match[1]}`);
    this.#at += match[0].length;
    return this.#text[this.#at] === '#' ? this.#hexValue(type) : this.#stringValue(type);
  }

  #hexValue(type: string): Attribute {
    const match = /^#((?:[0-9a-fA-F]{2})+)(?=[,+]|$)/.exec(this.#text.slice(this.#at));
    if (match === null) throw this.#error('expected hexadecimal after #');
    const reader = new DerReader(fromHex(match[1] as string));
    const tag = reader.peek();
    const content = reader.content();
    reader.end();
    this.#at += match[0].length;
    return { type, tag, content };
  }

  #stringValue(type: string): Attribute {
    const octets: number[] = [];
    let trailingSpaces = 0;
    const encoder = new TextEncoder();
    if (this.#text[this.#at] === ' ') throw this.#error('a leading space must be escaped');
    for (;;) {
      const code = this.#text.codePointAt(this.#at);
      if (code === undefined) break;
      const character = String.fromCodePoint(code);
      if (character === ',' || character === '+') break;
      if ('";<>\0'.includes(character)) throw this.#error(`${JSON.stringify(character)} must be escaped`);
      trailingSpaces = character === ' ' ? trailingSpaces + 1 : 0;
      if (character === '\\') octets.push(...this.#escape(encoder));
      else {
        octets.push(...encoder.encode(character));
        this.#at += character.length;
      }
    }
    if (trailingSpaces > 0) throw this.#error('a trailing space must be escaped');
    const content = Uint8Array.from(octets);
    const tag =
      type === TYPES.C
        ? TAG.printableString
        : type === TYPES.DC || type === TYPES.EMAIL
          ? TAG.ia5String
          : TAG.utf8String;
    const attribute = { type, tag, content };
    if (attributeText(attribute) === undefined) throw this.#error('the value is not text');
    return attribute;
  }

  #escape(encoder: InstanceType<typeof TextEncoder>): Iterable<number> {
    const rest = this.#text.slice(this.#at + 1, this.#at + 3);
    if (/^[0-9a-fA-F]{2}$/.test(rest)) {
      this.#at += 3;
      return [Number.parseInt(rest, 16)];
    }
    const character = rest[0];
    if (character === undefined || !'\\"+,;<> #='.includes(character)) throw this.#error('bad escape');
    this.#at += 2;
    return encoder.encode(character);
  }

  #error(problem: string): DerError {
    return new DerError(`distinguished name: ${problem} at character ${this.#at + 1}`);
  }
}

function latin1(content: Uint8Array): string {
  let text = '';
  for (const octet of content) text += String.fromCharCode(octet);
  return text;
}

function fixedWidth(content: Uint8Array, width: 2 | 4): string | undefined {
  if (content.length % width !== 0) return undefined;
  let text = '';
  for (let i = 0; i < content.length; i += width) {
    let code = 0;
    for (let j = 0; j < width; j++) code = code * 256 + (content[i + j] as number);
    if (code > 0x10ffff) return undefined;
    text += width === 2 ? String.fromCharCode(code) : String.fromCodePoint(code);
  }
  return text;
}
