import { dnsLabels } from './dns.ts';

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/i;

/** The host of a URI as DNS labels (RFC 3986 §3.2.2); undefined without an authority or when its host is no DNS name. */
export function uriHostLabels(uri: string): string[] | undefined {
  const authority = ABSOLUTE.exec(uri)?.[2];
  if (authority === undefined) return undefined;
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '');
  const labels = dnsLabels(host);
  return labels === undefined || /^\d+$/.test(labels.at(-1) as string) ? undefined : labels;
}

/** The form in which URIs are compared (RFC 5280 §7.4); undefined for what is not an absolute URI. */
export function normalizeUri(uri: string): string | undefined {
  const match = ABSOLUTE.exec(uri);
  if (match === null) return undefined;
  const [, scheme, authority, path, query = '', fragment = ''] = match as unknown as string[];
  const at = authority === undefined ? -1 : authority.lastIndexOf('@');
  const host = authority === undefined ? '' : `//${authority.slice(0, at + 1)}${authority.slice(at + 1).toLowerCase()}`;
  const segments = authority === undefined ? (path as string) : removeDotSegments(path as string);
  return normalizeEscapes(`${(scheme as string).toLowerCase()}:${host}${segments}${query}${fragment}`);
}

/** RFC 3986 §6.2.2.1 and §6.2.2.2: upper-case escapes, none for unreserved characters. */
function normalizeEscapes(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (triplet, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : triplet.toUpperCase();
  });
}

/** RFC 3986 §5.2.4. */
function removeDotSegments(path: string): string {
  const out: string[] = [];
  const segments = path.split('/');
  for (const [i, segment] of segments.entries()) {
    const last = i === segments.length - 1;
    if (segment === '..') {
      if (out.length > 1) out.pop();
      if (last) out.push('');
    } else if (segment !== '.') out.push(segment);
    else if (last) out.push('');
  }
  return out.join('/');
}
