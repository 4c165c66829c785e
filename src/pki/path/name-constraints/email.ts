import { dnsLabels, endsWithLabels } from '../names/dns.ts';
import { type Mailbox, mailboxesMatch, parseMailbox } from '../names/email.ts';
import { exactSubtree, type Subtree, SubtreeError } from './subtree.ts';

/**
 * An rfc822Name subtree: one mailbox, every mailbox at one host, or with a leading period at every host below a
 * domain. Nothing in it is a wildcard. It applies to SmtpUTF8Mailbox names too (RFC 9598 §6).
 */
export function emailSubtree(base: string): Subtree<Mailbox | undefined> {
  if (base === '') return exactSubtree(() => true);
  if (base.includes('@')) {
    const mailbox = parseMailbox(base);
    if (mailbox === undefined) throw new SubtreeError(`email:${base} is not a mailbox`);
    return exactSubtree((name: Mailbox) => mailboxesMatch(name, mailbox));
  }
  const below = base.startsWith('.');
  const labels = dnsLabels(below ? base.slice(1) : base);
  if (labels === undefined) throw new SubtreeError(`email:${base} is neither a mailbox, a host nor a domain`);
  return exactSubtree(({ host }: Mailbox) => host.length > labels.length === below && endsWithLabels(host, labels));
}
