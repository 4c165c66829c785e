import { DerReader } from '../../der/reader.ts';
import { contextTag, TAG } from '../../der/tags.ts';

import { formatGeneralName, type GeneralName } from '../../x509/general-name.ts';
import { attributeText, formatName, type Name, parseName } from '../../x509/name.ts';
import { rdnKeys } from '../names/distinguished-name.ts';
import { type Mailbox, parseMailbox } from '../names/email.ts';
import { uriHostLabels } from '../names/uri.ts';
import { type ConstrainedDnsName, constrainedDnsName } from './dns.ts';
import { constrainedIp } from './ip.ts';

const EMAIL_ADDRESS = '1.2.840.113549.1.9.1';
const SMTP_UTF8_MAILBOX = '1.3.6.1.5.5.7.8.9';

/** A name to be held against constraints, with the text that messages show. */
export interface ConstrainedName<T> {
  readonly value: T;
  readonly text: string;
}

/** A subject alternative name: most are never shown, and its form may not be constrained at all. */
class AltName<T> implements ConstrainedName<T> {
  readonly #name: GeneralName;
  readonly #read: () => T;
  #value: { read: T } | undefined;

  constructor(name: GeneralName, read: () => T) {
    this.#name = name;
    this.#read = read;
  }

  get value(): T {
    this.#value ??= { read: this.#read() };
    return this.#value.read;
  }

  get text(): string {
    return formatGeneralName(this.#name);
  }
}

/** The names of a certificate by form, read once however many CAs constrain them. */
export interface ConstrainedNames {
  dns: ConstrainedName<ConstrainedDnsName>[];
  ip: ConstrainedName<Uint8Array | undefined>[];
  email: ConstrainedName<Mailbox | undefined>[];
  uri: ConstrainedName<string[] | undefined>[];
  directory: ConstrainedName<string[] | undefined>[];
  /** Forms that cannot be compared with a constraint: a constraint of the form refuses the certificate. */
  incomparable: ConstrainedName<GeneralName['type']>[];
  /** Texts of the DNS names, addresses and mailboxes that are none. */
  malformed: string[];
}

/**
 * What name constraints apply to (RFC 5280 §4.2.1.10): the subject unless it is empty, each subject alternative name,
 * and, only when there are none of these, e-mail addresses inside the subject.
 */
export function constrainedNames(subject: Name, altNames: readonly GeneralName[] | undefined): ConstrainedNames {
  const names: ConstrainedNames = {
    dns: [],
    ip: [],
    email: [],
    uri: [],
    directory: [],
    incomparable: [],
    malformed: [],
  };
  if (subject.length > 0) names.directory.push({ value: rdnKeys(subject), text: `subject ${formatName(subject)}` });
  if (altNames === undefined)
    for (const attribute of subject.flat())
      if (attribute.type === EMAIL_ADDRESS) {
        const text = attributeText(attribute) ?? '';
        addEmail(names, text, `email:${text} in the subject`);
      }
  for (const name of altNames ?? []) addAltName(names, name);
  return names;
}

function addAltName(names: ConstrainedNames, name: GeneralName): void {
  switch (name.type) {
    case 'dns': {
      const value = constrainedDnsName(name.value);
      if (value.labels === undefined) names.malformed.push(formatGeneralName(name));
      names.dns.push(new AltName(name, () => value));
      break;
    }
    case 'ip': {
      const value = constrainedIp(name.value);
      if (value === undefined) names.malformed.push(formatGeneralName(name));
      names.ip.push(new AltName(name, () => value));
      break;
    }
    case 'email':
      addEmail(names, name.value, formatGeneralName(name));
      break;
    case 'uri':
      names.uri.push(new AltName(name, () => uriHostLabels(name.value)));
      break;
    case 'directory': {
      const value = rdnKeys(parseName(name.value));
      names.directory.push(new AltName(name, () => value));
      break;
    }
    case 'other': {
      const mailbox = smtpUtf8Mailbox(name.value);
      if (mailbox !== undefined) addEmail(names, mailbox, `email:${mailbox}`);
      names.incomparable.push(new AltName(name, () => name.type));
      break;
    }
    default:
      names.incomparable.push(new AltName(name, () => name.type));
  }
}

function addEmail(names: ConstrainedNames, address: string, text: string): void {
  const value = parseMailbox(address);
  if (value === undefined) names.malformed.push(text);
  names.email.push({ value, text });
}

/**
 * The address in the content of an otherName of type SmtpUTF8Mailbox (RFC 9598 §3); undefined for another type, and
 * '' (which matches nothing) for a malformed one.
 */
export function smtpUtf8Mailbox(content: Uint8Array): string | undefined {
  let isMailbox = false;
  try {
    const reader = new DerReader(content);
    isMailbox = reader.oid() === SMTP_UTF8_MAILBOX;
    if (!isMailbox) return undefined;
    const inner = reader.enter(contextTag(0, true));
    const utf8 = inner.content(TAG.utf8String);
    inner.end();
    reader.end();
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(utf8);
  } catch {
    return isMailbox ? '' : undefined;
  }
}
