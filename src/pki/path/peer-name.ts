import { equalBytes } from '../der/writer.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { parseIp } from '../x509/ip.ts';
import { smtpUtf8Mailbox } from './name-constraints/names.ts';
import { dnsLabels, dnsNameMatches } from './names/dns.ts';
import { mailboxesMatch, parseMailbox } from './names/email.ts';
import { normalizeUri } from './names/uri.ts';

type Matcher = (name: GeneralName) => boolean;

/**
 * Whether one of the subject alternative names is the name asked for (RFC 9525 §6, RFC 5280 §7): a DNS name, IP
 * address, e-mail address or URI, told apart by form. A common name never counts. A name of no form matches nothing.
 */
export function matchesPeerName(altNames: readonly GeneralName[] | undefined, wanted: string): boolean {
  const matches = matcherFor(wanted);
  return matches !== undefined && altNames?.some(matches) === true;
}

function matcherFor(wanted: string): Matcher | undefined {
  const address = parseIp(bracketless(wanted));
  if (address !== undefined) return (name) => name.type === 'ip' && equalBytes(name.value, address);
  if (/^[a-z][a-z0-9+.-]*:/i.test(wanted)) return uriMatcher(wanted);
  if (wanted.includes('@')) return emailMatcher(wanted);
  return dnsMatcher(wanted);
}

function bracketless(text: string): string {
  return text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
}

function uriMatcher(wanted: string): Matcher | undefined {
  const uri = normalizeUri(wanted);
  return uri === undefined ? undefined : (name) => name.type === 'uri' && normalizeUri(name.value) === uri;
}

function emailMatcher(wanted: string): Matcher | undefined {
  const at = wanted.lastIndexOf('@');
  const mailbox = parseMailbox(`${wanted.slice(0, at)}@${toAscii(wanted.slice(at + 1))}`);
  if (mailbox === undefined) return undefined;
  return (name) => {
    const text = name.type === 'email' ? name.value : name.type === 'other' ? smtpUtf8Mailbox(name.value) : undefined;
    const presented = text === undefined ? undefined : parseMailbox(text);
    return presented !== undefined && mailboxesMatch(presented, mailbox);
  };
}

/** One trailing dot is the root and no label; a wildcard is no host name. */
function dnsMatcher(wanted: string): Matcher | undefined {
  const labels = dnsLabels(toAscii(wanted.replace(/\.$/, '')));
  return labels === undefined ? undefined : (name) => name.type === 'dns' && dnsNameMatches(name.value, labels);
}

/** A-labels for U-labels (RFC 9549 §2.2); other names as they are. */
function toAscii(host: string): string {
  if (/^[\x20-\x7e]*$/.test(host)) return host;
  try {
    return new URL(`http://${host}/`).hostname;
  } catch {
    return host;
  }
}
