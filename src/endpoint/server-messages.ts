import { Octets } from './octets.ts';
import { EXTENSION, SUITES_12, SUITES_13, type TlsVersion, VERSIONS } from './tls-numbers.ts';

/** What the messages of a server's first flight say. */
export interface FlightMessages {
  version: TlsVersion;
  cipher: string;
  /** DER, in the order in which they are sent. */
  chain: Uint8Array[];
  /** There when a client certificate is asked for: the DER names of the CAs that the server says it accepts. */
  certificateRequest?: { authorities: Uint8Array[] };
  /** An OCSPResponse, DER. */
  ocspStaple?: Uint8Array;
}

export interface ServerHello {
  version: TlsVersion;
  suite: number;
  name: string;
  /** The server's part of the key exchange of TLS 1.3. */
  share: { group: number; key: Uint8Array } | undefined;
}

/** The random value by which a HelloRetryRequest is told (RFC 8446 §4.1.3). */
const RETRY = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c';

/** A chain of more is not read further. */
const MOST_CERTIFICATES = 100;

/** @throws ShortMessage */
export function readServerHello(message: Uint8Array): ServerHello {
  const body = new Octets(message.subarray(4));
  const legacy = body.number(2);
  body.take(32);
  body.vector(1);
  const suite = body.number(2);
  body.take(1);
  const extensions = body.extensions();
  const chosen = extensions.get(EXTENSION.supportedVersions);
  const number = chosen === undefined ? legacy : new Octets(chosen).number(2);
  const version = (Object.keys(VERSIONS) as TlsVersion[]).find((name) => VERSIONS[name] === number) ?? 'TLSv1';
  const name = SUITES_13[suite]?.name ?? SUITES_12.get(suite) ?? `suite 0x${suite.toString(16)}`;
  const key = extensions.get(EXTENSION.keyShare);
  return { version, suite, name, share: key === undefined || key.length < 4 ? undefined : readShare(new Octets(key)) };
}

function readShare(share: Octets): { group: number; key: Uint8Array } {
  return { group: share.number(2), key: share.vector(2) };
}

export function isRetryRequest(message: Uint8Array): boolean {
  return Buffer.from(message.subarray(6, 38)).toString('hex') === RETRY;
}

/** The Certificate message: with a context and extensions in TLS 1.3, a bare list before. @throws ShortMessage */
export function readCertificate(flight: FlightMessages, body: Octets): void {
  const modern = flight.version === 'TLSv1.3';
  if (modern) body.vector(1);
  const list = new Octets(body.vector(3));
  while (!list.done && flight.chain.length < MOST_CERTIFICATES) {
    flight.chain.push(list.vector(3));
    if (!modern) continue;
    const status = list.extensions().get(EXTENSION.statusRequest);
    if (status !== undefined && flight.chain.length === 1) flight.ocspStaple = new Octets(status.subarray(1)).vector(3);
  }
}

/** The CertificateRequest and the names of CAs in it, which may be none. @throws ShortMessage */
export function readRequest(flight: FlightMessages, body: Octets): void {
  body.vector(1);
  const names =
    flight.version === 'TLSv1.3'
      ? new Octets(body.extensions().get(EXTENSION.certificateAuthorities) ?? Uint8Array.of(0, 0))
      : afterSchemes(flight.version, body);
  const list = new Octets(names.vector(2));
  const authorities: Uint8Array[] = [];
  while (!list.done) authorities.push(list.vector(2));
  flight.certificateRequest = { authorities };
}

/** Signature schemes stand before the names since TLS 1.2. */
function afterSchemes(version: TlsVersion, body: Octets): Octets {
  if (version === 'TLSv1.2') body.vector(2);
  return body;
}
