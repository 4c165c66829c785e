import { alertMeaning } from '../endpoint/alerts.ts';
import type { Handshake } from '../endpoint/handshake.ts';
import type { Observation } from '../endpoint/observe.ts';
import { nameText } from '../inspection/certificate-object.ts';
import type { InspectionDocument } from '../inspection/document.ts';
import type { OcspDescription } from '../inspection/ocsp.ts';
import { critical, type Problem, warning } from '../inspection/problem.ts';
import type { VerifyDocument } from '../verification/document.ts';

/** How a handshake ended, in the document. */
export interface HandshakeObject {
  outcome: 'accepted' | 'refused';
  alert?: string;
  reason?: string;
}

/** What `inspect HOST:PORT` says. */
export interface EndpointDocument {
  kind: 'endpoint';
  address: string;
  serverName?: string;
  starttls?: string;
  protocol: string;
  cipher: string;
  /** Every version that the server accepts, highest first. */
  versions: string[];
  clientCertificate: Observation['clientCertificate'];
  /** The CAs that the server says it accepts client certificates of; empty when it names none. */
  authorities: string[];
  handshakes: { withoutCertificate: HandshakeObject; withCertificate?: HandshakeObject };
  /** The chain as served, as `inspect` of a file would say it. */
  served: InspectionDocument;
  ocsp?: OcspDescription;
  /** The verdict on what is served, for the name and purpose in it; absent when there was nothing to hold it against. */
  verification?: Pick<VerifyDocument, 'valid' | 'path' | 'failures' | 'notes'> & { names: string[]; purpose: string };
  problems: Problem[];
}

/** The facts of an observation, and what is wrong with them. */
export function endpointFacts(
  seen: Observation,
  starttls: string | undefined,
): Omit<EndpointDocument, 'served' | 'ocsp' | 'verification'> {
  const { identified } = seen;
  return {
    kind: 'endpoint',
    address: seen.address,
    ...(seen.serverName === undefined ? {} : { serverName: seen.serverName }),
    ...(starttls === undefined ? {} : { starttls }),
    protocol: seen.protocol,
    cipher: seen.cipher,
    versions: seen.versions ?? [],
    clientCertificate: seen.clientCertificate,
    authorities: seen.authorities.map(nameText),
    handshakes: {
      withoutCertificate: handshakeObject(seen.anonymous),
      ...(identified === undefined ? {} : { withCertificate: handshakeObject(identified) }),
    },
    problems: endpointProblems(seen),
  };
}

function handshakeObject({ outcome, alert, reason }: Handshake): HandshakeObject {
  return { outcome, ...(alert === undefined ? {} : { alert }), ...(reason === undefined ? {} : { reason }) };
}

function endpointProblems({ versions, clientCertificate, identified, anonymous }: Observation): Problem[] {
  const problems: Problem[] = [];
  const weak = versions?.filter((version) => version === 'TLSv1' || version === 'TLSv1.1') ?? [];
  if (weak.length > 0)
    problems.push(warning('weak-protocol', `it accepts ${weak.toReversed().join(' and ')} (RFC 8996: not to be used)`));
  if (identified?.outcome === 'refused')
    problems.push(
      critical('client-refused', `it refuses the client certificate: ${identified.alert}: ${identified.reason}`),
    );
  if (clientCertificate !== 'required')
    problems.push(
      warning(
        'client-certificate-not-demanded',
        clientCertificate === 'requested'
          ? 'it asks for a client certificate, but ends the handshake without one (an HTTP server may refuse it later)'
          : 'it asks for no client certificate: anybody who reaches it can connect',
      ),
    );
  if (clientCertificate === 'not-requested' && anonymous.outcome === 'refused')
    problems.push(
      critical(
        'handshake-refused',
        `it refuses the handshake: ${anonymous.alert}: ${anonymous.reason ?? alertMeaning(40)}`,
      ),
    );
  return problems;
}
