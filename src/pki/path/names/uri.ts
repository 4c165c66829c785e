import { parseIp } from '../../x509/ip.ts';
import { dnsLabels } from './dns.ts';

/** The parts of an absolute URI (RFC 3986 §3); query and fragment with the character that begins them. */
interface Uri {
  scheme: string;
  authority: Authority | undefined;
  path: string;
  query: string;
  fragment: string;
}

interface Authority {
  userinfo: string | undefined;
  host: string;
  port: string | undefined;
}

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#[^#]*)?$/i;
const AUTHORITY = /^(?:([^@[\]]*)@)?(\[[^@[\]]*\]|[^:@[\]]*)(?::(\d*))?$/;
/** What no part may hold beside an address in brackets: RFC 3986 §2 has neither `\` nor `%` without two digits. */
const ILLEGAL = /[^a-z0-9._~!$&'()*+,;=:@/?#%-]|%(?![0-9a-f]{2})/i;
const FUTURE_ADDRESS = /^v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+$/i;

/** The default ports of the schemes that are normalized by what is known of them (RFC 5280 §7.4 step 5). */
const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['ftp', '21'],
  ['http', '80'],
  ['https', '443'],
  ['ldap', '389'],
]);

/** The host of a URI as DNS labels (RFC 3986 §3.2.2); undefined for what is no URI, has no authority or a host that is no DNS name. */
export function uriHostLabels(uri: string): string[] | undefined {
  const authority = parseUri(uri)?.authority;
  const labels = authority === undefined ? undefined : dnsLabels(authority.host);
  return labels === undefined || /^\d+$/.test(labels.at(-1) as string) ? undefined : labels;
}

/** The form in which URIs are compared (RFC 5280 §7.4); undefined for what is not an absolute URI by RFC 3986. */
export function normalizeUri(uri: string): string | undefined {
  const parsed = parseUri(uri);
  if (parsed === undefined) return undefined;
  const scheme = parsed.scheme.toLowerCase();
  const { authority, query, fragment } = parsed;
  const path = normalizeEscapes(parsed.path);
  const rest = authority === undefined ? path : `//${normalAuthority(scheme, authority)}${normalPath(scheme, path)}`;
  return normalizeEscapes(`${scheme}:${rest}${query}${fragment}`);
}

function parseUri(uri: string): Uri | undefined {
  const match = ABSOLUTE.exec(uri);
  if (match === null) return undefined;
  const [, scheme = '', given, path = '', query = '', fragment = ''] = match;
  if (ILLEGAL.test(path) || ILLEGAL.test(query) || ILLEGAL.test(fragment)) return undefined;
  const authority = given === undefined ? undefined : parseAuthority(given);
  if (given !== undefined && authority === undefined) return undefined;
  return { scheme, authority, path, query, fragment };
}

/** RFC 3986 §3.2: at most one `@`, and brackets only around an address. */
function parseAuthority(text: string): Authority | undefined {
  const match = AUTHORITY.exec(text);
  if (match === null) return undefined;
  const [, userinfo, host = '', port] = match;
  if (ILLEGAL.test(userinfo ?? '') || !isHost(host)) return undefined;
  return { userinfo, host, port };
}

function isHost(host: string): boolean {
  if (!host.startsWith('[')) return !ILLEGAL.test(host);
  const literal = host.slice(1, -1);
  return FUTURE_ADDRESS.test(literal) || (literal.includes(':') && parseIp(literal) !== undefined);
}

function normalAuthority(scheme: string, { userinfo, host, port }: Authority): string {
  const user = userinfo === undefined ? '' : `${userinfo}@`;
  const known = DEFAULT_PORTS.get(scheme);
  const implied = port === undefined || (known !== undefined && (port === '' || port === known));
  return `${user}${normalizeEscapes(host).toLowerCase()}${implied ? '' : `:${port}`}`;
}

function normalPath(scheme: string, path: string): string {
  return path === '' && DEFAULT_PORTS.has(scheme) ? '/' : removeDotSegments(path);
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
