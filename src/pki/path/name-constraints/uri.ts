import { dnsLabels, endsWithLabels } from '../names/dns.ts';
import { exactSubtree, type Subtree, SubtreeError } from './subtree.ts';

/**
 * A uniformResourceIdentifier subtree, over the labels of the URI's host: that host alone, or with a leading period
 * every host below it. A URI without a DNS host cannot satisfy it (RFC 5280 §4.2.1.10).
 */
export function uriSubtree(base: string): Subtree<string[] | undefined> {
  if (base === '') return exactSubtree(() => true);
  const below = base.startsWith('.');
  const labels = dnsLabels(below ? base.slice(1) : base);
  if (labels === undefined || /^\d+$/.test(labels.at(-1) as string))
    throw new SubtreeError(`URI:${base} is not a fully qualified domain name`);
  return exactSubtree((host: string[]) => host.length > labels.length === below && endsWithLabels(host, labels));
}
