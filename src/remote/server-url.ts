import { type Address, formatAddress, parseAddress } from '../endpoint/address.ts';
import { ClusterCaError } from '../errors.ts';

const DEFAULT_PORT = 8443;

/** The daemon's address from `https://HOST[:PORT]`. @throws ERR_USAGE for anything else: plain HTTP above all */
export function parseServerUrl(text: string): Address {
  const refuse = (): ClusterCaError =>
    new ClusterCaError('ERR_USAGE', `not the URL of a daemon: ${JSON.stringify(text)}`, {
      hint: 'https://HOST:PORT, as its --listen says',
    });
  const match = /^https:\/\/((?:\[[^\]]+\])|[^/?#@:\s]+)(?::(\d{1,5}))?\/?$/i.exec(text);
  if (match === null) throw refuse();
  try {
    return parseAddress(`${match[1]?.toLowerCase()}:${match[2] ?? DEFAULT_PORT}`);
  } catch {
    throw refuse();
  }
}

export function formatServerUrl(address: Address): string {
  return `https://${formatAddress(address)}`;
}
