import { ClusterCaError } from '../../errors.ts';

/** Whom and where ssh is to reach. What the inventory does not say is for ssh's own configuration. */
export interface Destination {
  /** As ssh is given it. */
  text: string;
  user: string | undefined;
  /** A name, an address, or an alias of ssh's configuration. */
  host: string;
  port: number | undefined;
}

const USER = /^[A-Za-z0-9_][A-Za-z0-9_.+@\\-]*\$?$/;
const HOST = /^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$/;

/**
 * Reads `HOST`, `USER@HOST` or OpenSSH's `ssh://[USER@]HOST[:PORT]`. What ssh, or a shell that its configuration asks for,
 * could take for something else is refused.
 * @throws ERR_CONFIG
 */
export function parseDestination(text: string): Destination {
  const destination = read(text);
  if (destination !== undefined) return destination;
  throw new ClusterCaError('ERR_CONFIG', `ssh wants USER@HOST or ssh://USER@HOST:PORT, not ${JSON.stringify(text)}`, {
    hint: 'other settings go into the configuration of ssh, under a name for the host',
  });
}

export function isDestination(text: string): boolean {
  return read(text) !== undefined;
}

function read(text: string): Destination | undefined {
  const uri = /^ssh:\/\/(.*?)\/?$/s.exec(text)?.[1];
  const rest = uri ?? text;
  const at = rest.lastIndexOf('@');
  const user = at < 0 ? undefined : rest.slice(0, at);
  const place = rest.slice(at + 1);
  const parts = uri === undefined ? undefined : /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/s.exec(place);
  const host = uri === undefined ? place : (parts?.[1] ?? parts?.[2] ?? '');
  const port = parts?.[3] === undefined ? undefined : Number(parts[3]);
  const isLegal = HOST.test(host) && (user === undefined || USER.test(user)) && (port === undefined || isPort(port));
  return isLegal ? { text, user, host, port } : undefined;
}

function isPort(port: number): boolean {
  return port > 0 && port < 65_536;
}
