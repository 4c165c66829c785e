import { dnsLabels } from './dns.ts';

/** A mailbox (RFC 5321 §4.1.2): the local part without quotes, the host's labels in lower case. */
export interface Mailbox {
  local: string;
  host: string[];
}

const DOT_STRING = /^[^\s@"(),:;<>[\]\\.]+(?:\.[^\s@"(),:;<>[\]\\.]+)*$/u;
const QUOTED_STRING = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/;

/** Reads `local@host`; undefined for anything else. Addresses in brackets are not supported, so they never match. */
export function parseMailbox(text: string): Mailbox | undefined {
  const at = text.lastIndexOf('@');
  if (at <= 0) return undefined;
  const local = text.slice(0, at);
  const host = dnsLabels(text.slice(at + 1));
  if (host === undefined) return undefined;
  if (DOT_STRING.test(local)) return { local, host };
  return QUOTED_STRING.test(local) ? { local: local.slice(1, -1).replace(/\\(.)/g, '$1'), host } : undefined;
}

/** RFC 5280 §7.5: the local part exactly, the host without regard to case. */
export function mailboxesMatch(a: Mailbox, b: Mailbox): boolean {
  return a.local === b.local && a.host.length === b.host.length && a.host.every((label, i) => label === b.host[i]);
}
