import { sha256 } from '../crypto/hash.ts';
import { toHex } from '../pki/encoding.ts';
import { type Address, formatAddress, serverNameOf } from './address.ts';
import { alertMeaning, alertName } from './alerts.ts';
import { misbehaved } from './failure.ts';
import { type FirstFlight, type FlightOutcome, readFirstFlight } from './first-flight.ts';
import { type ClientCertificate, type Handshake, handshake } from './handshake.ts';
import type { TlsVersion } from './tls-numbers.ts';

export interface ObserveOptions {
  /** The name to ask for; default the address's host. */
  name?: string | undefined;
  starttls?: string | undefined;
  client?: ClientCertificate | undefined;
  timeout?: number | undefined;
  /** Also find out which older versions are taken. */
  versions?: boolean;
  /** What to say after a handshake with the client certificate. */
  ask?: { request: Uint8Array | string } | undefined;
}

/** What a server shows, and how it treats who connects. */
export interface Observation {
  address: string;
  serverName?: string;
  protocol: TlsVersion;
  cipher: string;
  /** DER, as served. */
  chain: Uint8Array[];
  /** `required`: a handshake without one is refused. `requested`: it is asked for, and not insisted on. */
  clientCertificate: 'required' | 'requested' | 'not-requested';
  /** DER names; empty when the server names none. */
  authorities: Uint8Array[];
  ocspStaple?: Uint8Array;
  /** Versions that are accepted, highest first; only when asked for. */
  versions?: TlsVersion[];
  /** Without a client certificate. */
  anonymous: Handshake;
  /** With the one given. */
  identified?: Handshake;
}

const ALL: readonly TlsVersion[] = ['TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1'];

/**
 * Asks a server what it serves: its first flight, then whole handshakes without and, where there is one, with a client
 * certificate.
 * @throws ERR_REMOTE for what is not there or is no TLS, ERR_TIMEOUT
 */
export async function observe(to: Address, options: ObserveOptions = {}): Promise<Observation> {
  const serverName = serverNameOf(options.name ?? to.host);
  const common = { serverName, starttls: options.starttls, timeout: options.timeout };
  const flight = answered(to, await firstFlight(to, common));
  const anonymous = await handshake(to, common);
  const identified =
    options.client === undefined
      ? undefined
      : await handshake(to, { ...common, client: options.client, ask: options.ask });
  const versions = options.versions ? await acceptedVersions(to, common, flight.version) : undefined;
  return {
    address: formatAddress(to),
    ...(serverName === undefined ? {} : { serverName }),
    protocol: flight.version,
    cipher:
      (identified ?? anonymous).protocol === flight.version
        ? ((identified ?? anonymous).cipher ?? flight.cipher)
        : flight.cipher,
    chain: flight.chain,
    clientCertificate:
      flight.certificateRequest === undefined
        ? 'not-requested'
        : anonymous.outcome === 'refused'
          ? 'required'
          : 'requested',
    authorities: flight.certificateRequest?.authorities ?? [],
    ...(flight.ocspStaple === undefined ? {} : { ocspStaple: flight.ocspStaple }),
    ...(versions === undefined ? {} : { versions }),
    anonymous,
    ...(identified === undefined ? {} : { identified }),
  };
}

interface Common {
  serverName: string | undefined;
  starttls: string | undefined;
  timeout: number | undefined;
}

/** In one hello 1.3 and 1.2; a server that knows neither is asked again. */
async function firstFlight(to: Address, common: Common): Promise<FlightOutcome> {
  const modern = await readFirstFlight(to, { ...common, versions: ['TLSv1.3', 'TLSv1.2'] });
  if (modern.outcome !== 'refused') return modern;
  const old = await readFirstFlight(to, { ...common, versions: ['TLSv1.2', 'TLSv1.1', 'TLSv1'] });
  return old.outcome === 'answered' ? old : modern;
}

/** The versions that a server accepts. One hello each; a failed connection counts as a refusal. */
export async function acceptedVersions(to: Address, common: Common, known?: TlsVersion): Promise<TlsVersion[]> {
  const accepted: TlsVersion[] = [];
  for (const version of ALL) {
    if (version === known) accepted.push(version);
    else if (await accepts(to, common, version)) accepted.push(version);
  }
  return accepted;
}

async function accepts(to: Address, common: Common, version: TlsVersion): Promise<boolean> {
  try {
    const flight = await readFirstFlight(to, { ...common, versions: [version] });
    return flight.outcome === 'answered' && flight.version === version;
  } catch {
    return false;
  }
}

function answered(to: Address, flight: FlightOutcome): FirstFlight {
  if (flight.outcome === 'answered' && flight.chain.length > 0) return flight;
  const address = formatAddress(to);
  if (flight.outcome === 'not-tls')
    throw misbehaved(
      address,
      'does not speak TLS',
      'a plaintext port? with a protocol that begins TLS by a command: --starttls PROTOCOL',
      'not-tls',
    );
  if (flight.outcome === 'answered') throw misbehaved(address, 'shows no certificate');
  const { alert } = flight;
  throw misbehaved(
    address,
    alert === undefined ? 'closed the connection at the first message' : `refused the handshake: ${alertName(alert)}`,
    alert === undefined
      ? 'a plaintext port? with a protocol that begins TLS by a command: --starttls PROTOCOL'
      : alertMeaning(alert),
  );
}

/** SHA-256 of a certificate, lower-case hex. */
export function fingerprintOf(der: Uint8Array): string {
  return toHex(sha256(der));
}
