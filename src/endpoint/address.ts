import { isIP } from 'node:net';
import { ClusterCaError } from '../errors.ts';

/** A place to connect to. */
export interface Address {
  host: string;
  port: number;
}

/** Reads `HOST:PORT`, with an IPv6 address in brackets. @throws ERR_USAGE */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535) || (match?.[1] !== undefined && isIP(host) !== 6))
    throw new ClusterCaError('ERR_USAGE', `not an address: ${JSON.stringify(text)}`, {
      hint: 'HOST:PORT, with an IPv6 address in brackets and a port from 1 to 65535',
    });
  return { host, port };
}

/** The address as text, with brackets where they are needed. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The name to be sent as SNI: DNS names only (RFC 6066 §3); undefined for an IP address. */
export function serverNameOf(name: string): string | undefined {
  return isIP(name) === 0 && /^[A-Za-z0-9._-]+$/.test(name) ? name : undefined;
}
