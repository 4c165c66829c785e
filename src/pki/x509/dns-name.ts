const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * True for a lower-case DNS name in preferred syntax (RFC 1034 §3.5, RFC 1123 §2.1), at most 253 characters, not an
 * IPv4 address. With `wildcard` the left-most label may be `*`, above at least one other (RFC 9525 §6.3).
 */
export function isDnsName(name: string, options: { wildcard?: boolean } = {}): boolean {
  if (name.length > 253) return false;
  const labels = name.split('.');
  if (options.wildcard && labels.length > 1 && labels[0] === '*') labels.shift();
  return labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) as string);
}
