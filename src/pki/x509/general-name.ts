import { DerError } from '../der/error.ts';
import { DerReader } from '../der/reader.ts';
import { contextTag, TAG } from '../der/tags.ts';
import { tlv } from '../der/writer.ts';
import { fromAscii, isAscii, toAscii, toHex } from '../encoding.ts';
import { formatIp, parseIp } from './ip.ts';
import { formatName, parseName } from './name.ts';

/** A GeneralName (RFC 5280 §4.2.1.6). `ip` holds 4 or 16 octets (8 or 32 in name constraints). */
export type GeneralName =
  | { type: 'dns' | 'email' | 'uri'; value: string }
  | { type: 'ip'; value: Uint8Array }
  | { type: 'directory'; value: Uint8Array }
  | { type: 'other' | 'x400' | 'edi' | 'registeredId'; value: Uint8Array };

const FORMS = ['other', 'email', 'dns', 'x400', 'directory', 'edi', 'uri', 'ip', 'registeredId'] as const;

/** Reads one GeneralName; IA5String forms must be ASCII. @throws DerError */
export function readGeneralName(reader: DerReader): GeneralName {
  const at = reader.offset;
  const tag = reader.peek();
  const form = (tag & 0xc0) === 0x80 ? FORMS[tag & 0x1f] : undefined;
  const constructed = form === 'other' || form === 'x400' || form === 'directory' || form === 'edi';
  if (form === undefined || ((tag & 0x20) !== 0) !== constructed) throw new DerError('not a GeneralName', at);
  const content = reader.content();
  switch (form) {
    case 'dns':
    case 'email':
    case 'uri':
      if (!isAscii(content)) throw new DerError('name is not ASCII', at);
      return { type: form, value: fromAscii(content) };
    case 'directory':
      parseName(content);
      return { type: form, value: content };
    default:
      return { type: form, value: content };
  }
}

/** Reads GeneralNames: at least one. The content of the sequence is given by its reader. @throws DerError */
export function readGeneralNames(reader: DerReader): GeneralName[] {
  const names: GeneralName[] = [];
  do names.push(readGeneralName(reader));
  while (!reader.done);
  return names;
}

/** The DER of one GeneralName. */
export function encodeGeneralName(name: GeneralName): Uint8Array {
  const number = FORMS.indexOf(name.type);
  const constructed = name.type === 'other' || name.type === 'x400' || name.type === 'directory' || name.type === 'edi';
  const content = typeof name.value === 'string' ? toAscii(name.value) : name.value;
  return tlv(contextTag(number, constructed), content);
}

/** `DNS:a.example`, `IP:10.0.0.1`, `URI:…` as OpenSSL prints them. */
export function formatGeneralName(name: GeneralName): string {
  switch (name.type) {
    case 'dns':
      return `DNS:${name.value}`;
    case 'email':
      return `email:${name.value}`;
    case 'uri':
      return `URI:${name.value}`;
    case 'ip':
      return `IP:${formatIp(name.value)}`;
    case 'directory':
      return `DirName:${formatName(parseName(name.value))}`;
    default:
      return `${name.type}:${toHex(name.value)}`;
  }
}

/** A GeneralName of an IP address in text. @throws DerError */
export function ipName(address: string): GeneralName {
  const value = parseIp(address);
  if (value === undefined) throw new DerError(`not an IP address: ${address}`);
  return { type: 'ip', value };
}

/** Decodes the value of a subjectAltName or issuerAltName extension. @throws DerError */
export function parseGeneralNames(der: Uint8Array): GeneralName[] {
  const reader = new DerReader(der);
  const names = readGeneralNames(reader.enter(TAG.sequence));
  reader.end();
  return names;
}
