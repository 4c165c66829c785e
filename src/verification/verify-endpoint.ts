import { isIP } from 'node:net';
import { formatAddress, parseAddress } from '../endpoint/address.ts';
import { readClientFiles } from '../endpoint/client-files.ts';
import { misbehaved } from '../endpoint/failure.ts';
import { fingerprintOf, type Observation, observe } from '../endpoint/observe.ts';
import { checkStarttls } from '../endpoint/starttls.ts';
import { equalBytes } from '../pki/der/writer.ts';
import type { PathOptions } from '../pki/path/index.ts';
import { encodePem } from '../pki/pem.ts';
import type { InputFile } from './read-sources.ts';

/** How to connect, as the flags say it. */
export interface ConnectFlags {
  cert?: string | undefined;
  key?: string | undefined;
  starttls?: string | undefined;
}

/** What `verify HOST:PORT` adds to the document. */
export interface EndpointFacts {
  address: string;
  serverName?: string;
  protocol: string;
  cipher: string;
  clientCertificate: Observation['clientCertificate'];
  /** Fingerprints of the chain as served. */
  served: string[];
  /** Whether the server has shown to have the key of the certificate that is verified: in a handshake that went that far. */
  keyProven: boolean;
}

export interface ServedChain {
  facts: EndpointFacts;
  /** The chain, to be verified as a file would be. */
  subject: InputFile;
  options: PathOptions;
  notes: string[];
}

/**
 * Fetches the chain that a server serves. Unless others are asked for, it must be good for the host that was connected
 * to, as a server.
 * @throws ERR_REMOTE, also when our client certificate is refused; ERR_TIMEOUT
 */
export async function fetchChain(address: string, flags: ConnectFlags, options: PathOptions): Promise<ServedChain> {
  checkStarttls(flags.starttls);
  const to = parseAddress(address);
  const client = readClientFiles(flags.cert, flags.key);
  const name = options.names?.find((one) => isIP(one) === 0 && /^[a-z0-9._-]+$/i.test(one));
  const seen = await observe(to, { starttls: flags.starttls, client, name });
  const { identified, anonymous, clientCertificate } = seen;
  if (identified?.outcome === 'refused')
    throw misbehaved(
      formatAddress(to),
      `refused the client certificate: ${identified.alert}`,
      `${identified.reason}; cluster-ca inspect ${formatAddress(to)} shows what it accepts`,
    );
  const { leaf: proven, chain: shown = [] } = identified ?? anonymous;
  if (proven === undefined && clientCertificate === 'not-requested')
    throw misbehaved(
      formatAddress(to),
      `shows a certificate, and does not finish the handshake: ${(identified ?? anonymous).alert}`,
      'nothing shows that it has the key of that certificate',
    );
  // What is served to somebody who goes no further proves nothing: anybody has it. Another one is verified instead.
  const another = proven !== undefined && !equalBytes(seen.chain[0] as Uint8Array, proven);
  const chain = another ? shown : seen.chain;
  return {
    facts: {
      address: formatAddress(to),
      ...(seen.serverName === undefined ? {} : { serverName: seen.serverName }),
      protocol: seen.protocol,
      cipher: seen.cipher,
      clientCertificate: seen.clientCertificate,
      served: chain.map(fingerprintOf),
      keyProven: proven !== undefined,
    },
    subject: {
      name: formatAddress(to),
      bytes: new TextEncoder().encode(chain.map((der) => encodePem('CERTIFICATE', der)).join('')),
    },
    options: { ...options, names: options.names ?? [to.host], purposes: options.purposes ?? ['server'] },
    notes: notesOn(seen, another ? fingerprintOf(seen.chain[0] as Uint8Array) : undefined),
  };
}

/** @param before the fingerprint of what it has shown at first, where that is another certificate */
function notesOn({ clientCertificate, identified, anonymous }: Observation, before: string | undefined): string[] {
  const notes: string[] = [];
  if (clientCertificate === 'required' && identified === undefined)
    notes.push('the server demands a client certificate, and none was given: --cert and --key finish the handshake');
  if ((identified ?? anonymous).leaf === undefined)
    notes.push('nothing shows that it has the key of this certificate: the handshake went no further');
  if (before !== undefined)
    notes.push(
      `at first the server has shown another certificate (${before.slice(0, 12)}): it has more than one, or was reloaded; the one whose key it has is verified`,
    );
  return notes;
}
