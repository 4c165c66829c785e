import { ClusterCaError } from '../../errors.ts';
import { safeText } from '../../ui/text/safe.ts';
import type { Destination } from './destination.ts';

const LONGEST = 300;

/** Why no connection comes about, from what ssh said on standard error. */
export function complaint(destination: Destination, said: string): ClusterCaError {
  const { text } = destination;
  for (const [pattern, tell] of KNOWN) {
    const match = pattern.exec(said);
    if (match !== null) return tell(destination, match, said);
  }
  return failed(`cannot reach ${text}: ${lastLine(said) || 'ssh ended and said nothing'}`, {
    hint: `see what this says: ssh -v -o BatchMode=yes ${text} true`,
    details: { host: text },
  });
}

/** The last line of what a program said, safe to print, and not too long. */
export function lastLine(said: string): string {
  const line =
    said
      .trimEnd()
      .split(/[\r\n]+/)
      .at(-1) ?? '';
  return safeText(line.trim()).slice(0, LONGEST);
}

type Tell = (destination: Destination, match: RegExpExecArray, said: string) => ClusterCaError;

const KNOWN: [RegExp, Tell][] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED/, changed],
  [/HOST KEY.* REVOKED|REVOKED HOST KEY/, revoked],
  [/No (\S+) host key is known for (\S+) and you have requested strict checking/, unknown],
  [/Permission denied \(([^)]*)\)/, denied],
  [/Could not resolve hostname (\S+?): (.*)/, unresolved],
  [/connect to host (\S+) port (\d+): (.*)/, refused],
  [/Connection timed out|Operation timed out|Connection to .* timed out|Timeout, server .* not responding/, silent],
  [/(?:Connection (?:closed|reset) by|kex_exchange_identification|ssh_exchange_identification).*/, closed],
];

function changed({ text, host, port }: Destination, _: RegExpExecArray, said: string): ClusterCaError {
  const shown = /The fingerprint for the (\S+) key sent by the remote host is\s+(\S+?)\.?\s/.exec(said);
  const name = nameOf(host, port);
  return failed(
    `the host key of ${text} has changed${shown === null ? '' : ` (${shown[1]}, ${safeText(shown[2] as string)})`}: another machine answers, or it was set up anew`,
    {
      hint: `if it was set up anew, compare that fingerprint with the host's own, then: ssh-keygen -R '${name}', and add the new key`,
      details: { host: text, reason: 'host-key-changed' },
    },
  );
}

function revoked({ text }: Destination): ClusterCaError {
  return failed(`the host key of ${text} is marked as revoked in known_hosts`, {
    hint: 'give the host a new key, and add that',
    details: { host: text, reason: 'host-key-revoked' },
  });
}

function unknown({ text }: Destination, [, type = '', shown = '']: RegExpExecArray): ClusterCaError {
  const place = /^\[(.*)\]:(\d+)$/.exec(shown);
  const scan = place === null ? shown : `-p ${place[2]} ${place[1]}`;
  return failed(`the host key of ${text} is not known`, {
    hint: `ssh-keyscan -t ${type.toLowerCase()} ${safeText(scan)} >key; compare the fingerprint that ssh-keygen -lf key shows with what the same says on that host of /etc/ssh/ssh_host_${type.toLowerCase()}_key.pub; then: cat key >>~/.ssh/known_hosts`,
    details: { host: text, reason: 'host-key-unknown' },
  });
}

function denied({ text }: Destination, [, methods = '']: RegExpExecArray, said: string): ClusterCaError {
  const key = /Load key "([^"]*)": (.*)/.exec(said);
  const why = key === null ? '' : `; the key ${safeText(key[1] as string)} was not used: ${lastLine(key[2] as string)}`;
  return failed(
    `${text} lets us in with nothing that is at hand: it asks for a password, or for a key that is not there (${safeText(methods)})${why}`,
    {
      hint: `ssh -o BatchMode=yes ${text} true has to work: ssh-copy-id ${text}, or ssh-add for a key with a passphrase`,
      details: { host: text, reason: 'denied' },
    },
  );
}

function unresolved({ text }: Destination, [, name = '', why = '']: RegExpExecArray): ClusterCaError {
  return failed(`cannot reach ${text}: the name ${safeText(name)} does not resolve: ${lastLine(why)}`, {
    hint: 'is ssh in the inventory right?',
    details: { host: text, reason: 'unresolved', unreachable: true },
  });
}

function refused(destination: Destination, match: RegExpExecArray): ClusterCaError {
  const [, host = '', port = '', why = ''] = match;
  if (/timed out/.test(why)) return silent(destination);
  const { text } = destination;
  return failed(`cannot reach ${text}: ${safeText(host)} port ${port}: ${lastLine(why).toLowerCase()}`, {
    hint: 'does sshd run there, and on this port?',
    details: { host: text, reason: 'refused', unreachable: true },
  });
}

function silent({ text }: Destination): ClusterCaError {
  return new ClusterCaError('ERR_TIMEOUT', `${text} does not answer`, {
    hint: `is it up? ssh -o BatchMode=yes ${text} true`,
    details: { host: text, reason: 'silent', unreachable: true },
  });
}

function closed({ text }: Destination, match: RegExpExecArray): ClusterCaError {
  return failed(`${text} closes the connection: ${lastLine(match[0])}`, {
    hint: 'the log of sshd there says why (MaxStartups, a firewall, an address that may not)',
    details: { host: text, reason: 'closed', unreachable: true },
  });
}

function failed(message: string, options: { hint: string; details: Record<string, unknown> }): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, options);
}

/** A host as known_hosts names it. */
function nameOf(host: string, port: number | undefined): string {
  return port === undefined || port === 22 ? host : `[${host}]:${port}`;
}
