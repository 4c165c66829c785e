const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** The labels of a DNS name in lower case; undefined unless every one is legal. Underscores are, as private networks use them. */
export function dnsLabels(name: string): string[] | undefined {
  // Before the case is folded: the Kelvin sign's lower case is a `k`.
  if (name.length > 253 || /[^ -~]/.test(name)) return undefined;
  const labels = name.toLowerCase().split('.');
  return labels.every((label) => LABEL.test(label)) ? labels : undefined;
}

/** Preferred name syntax (RFC 1034 §3.5, RFC 1123 §2.1), as RFC 5280 §4.2.1.6 asks of issuers; a wildcard may lead. */
export function isPreferredSyntax(name: string): boolean {
  const labels = dnsLabels(name.startsWith('*.') ? name.slice(2) : name);
  return labels?.every((label) => !label.includes('_')) === true;
}

/** The suffix that a wildcard (`*.` and a DNS name) stands before; undefined for any other name. */
export function wildcardSuffix(name: string): string[] | undefined {
  return name.startsWith('*.') ? dnsLabels(name.slice(2)) : undefined;
}

/**
 * Whether a dNSName of a certificate is the host asked for (RFC 9525 §6.3): the same labels, or a `*` as the whole
 * left-most label in place of one.
 */
export function dnsNameMatches(presented: string, host: readonly string[]): boolean {
  const suffix = wildcardSuffix(presented);
  const labels = suffix ?? dnsLabels(presented);
  const wanted = suffix === undefined ? host : host.slice(1);
  return labels !== undefined && labels.length === wanted.length && labels.every((label, i) => label === wanted[i]);
}

/** Whether the labels end with `base` (RFC 5280 §4.2.1.10: zero or more labels added on the left). */
export function endsWithLabels(labels: readonly string[], base: readonly string[]): boolean {
  const skip = labels.length - base.length;
  return skip >= 0 && base.every((label, i) => label === labels[skip + i]);
}
