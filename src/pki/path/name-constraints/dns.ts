import { dnsLabels, endsWithLabels, wildcardSuffix } from '../names/dns.ts';
import { type Subtree, SubtreeError } from './subtree.ts';

/** A dNSName as constraints see it: `labels` of the name, or of what follows the `*.`; undefined when malformed. */
export interface ConstrainedDnsName {
  labels: string[] | undefined;
  wildcard: boolean;
}

/** The empty name has no labels: it lies in the empty subtree only. */
export function constrainedDnsName(value: string): ConstrainedDnsName {
  if (value === '') return { labels: [], wildcard: false };
  const suffix = wildcardSuffix(value);
  return { labels: suffix ?? dnsLabels(value), wildcard: suffix !== undefined };
}

/**
 * A dNSName subtree: the base with any labels on its left; the empty base holds every name. A leading period, which
 * RFC 5280 does not define, is read as everybody does: at least one label more. A wildcard name must lie inside with
 * everything it stands for to be permitted, and is excluded when one name it stands for is (CVE-2025-61727).
 */
export function dnsSubtree(base: string): Subtree<ConstrainedDnsName> {
  if (base === '') return { holds: (name) => name.labels !== undefined, touches: () => true };
  const more = base.startsWith('.') ? 1 : 0;
  const labels = dnsLabels(base.slice(more));
  if (labels === undefined) throw new SubtreeError(`DNS:${base} is not a DNS name`);
  const inside = (name: string[], extra: number): boolean =>
    name.length + extra >= labels.length + more && endsWithLabels(name, labels);
  return {
    holds: ({ labels: name, wildcard }) => name !== undefined && inside(name, wildcard ? 1 : 0),
    touches: ({ labels: name, wildcard }) =>
      name === undefined ||
      inside(name, wildcard ? 1 : 0) ||
      (wildcard && more === 0 && labels.length === name.length + 1 && endsWithLabels(labels, name)),
  };
}
