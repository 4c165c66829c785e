import { parseAddress } from '../endpoint/address.ts';
import { type ClientCertificate, handshake } from '../endpoint/handshake.ts';
import { type Observation, observe } from '../endpoint/observe.ts';
import { isClusterCaError } from '../errors.ts';
import type { Service, ServiceKind } from '../inventory/services.ts';
import {
  accepts,
  askInside,
  clientRefusedInside,
  plaintextAnswer,
  plaintextPortOf,
  refusedInside,
} from '../services/probes.ts';

/** What a service shows at its address. */
export interface ServedFacts {
  /** Why nothing is seen. */
  unreachable?: string;
  /** What answers there is no TLS. */
  notTls?: boolean;
  seen?: Observation;
  /** Whether a client without a certificate is turned away, in the handshake or behind it. */
  demanded: boolean;
  /** Where it answers without TLS, and what. */
  plaintext: { address: string; answer: string }[];
  /** What could not be found out. */
  unseen: string[];
}

/** Asks a service: its TLS, whom it lets in, and whether it answers without. */
export async function readServed(
  service: Service & { address: string },
  client: ClientCertificate | undefined,
): Promise<ServedFacts> {
  const facts: ServedFacts = { demanded: false, plaintext: [], unseen: [] };
  const to = parseAddress(service.address);
  const starttls = service.kind === 'postgres' ? 'postgres' : undefined;
  const ask = askInside(service.kind);
  try {
    facts.seen = await observe(to, { client, starttls, versions: true, ...(client && ask ? { ask } : {}) });
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    facts.unreachable = error.message;
    facts.notTls = error.details?.reason === 'not-tls';
  }
  await lookForPlaintext(service, facts);
  if (facts.seen === undefined) return facts;
  refuseInside(service.kind, facts.seen);
  facts.demanded = facts.seen.clientCertificate === 'required' || (await isRefusedInside(service, facts.seen));
  if (client === undefined && facts.demanded)
    facts.unseen.push(
      'the mutual handshake: without a client certificate (--cert and --key, or --probe) it is not known whom the service lets in',
    );
  return facts;
}

/** nginx ends the handshake with any client certificate, and tells it inside that it is not accepted. */
function refuseInside(kind: ServiceKind, { identified }: Observation): void {
  if (identified === undefined || !clientRefusedInside(kind, identified.answer)) return;
  identified.outcome = 'refused';
  identified.alert = 'HTTP 400';
  identified.reason = 'the certificate does not verify there: another CA, expired or revoked, or a CRL that is missing';
}

/** PostgreSQL and nginx end the handshake with anybody and refuse inside. */
async function isRefusedInside({ kind, address = '' }: Service, seen: Observation): Promise<boolean> {
  const ask = kind === 'redis' ? undefined : askInside(kind);
  if (seen.clientCertificate !== 'requested' || ask === undefined) return false;
  const starttls = kind === 'postgres' ? 'postgres' : undefined;
  const { answer, outcome } = await handshake(parseAddress(address), { starttls, ask });
  return outcome === 'refused' || refusedInside(kind, answer);
}

async function lookForPlaintext(service: Service & { address: string }, facts: ServedFacts): Promise<void> {
  const { kind, address, plaintext } = service;
  const to = parseAddress(address);
  const answer = await plaintextAnswer(to, kind);
  if (answer !== undefined) facts.plaintext.push({ address, answer });
  if (plaintext !== undefined) {
    const other = parseAddress(plaintext);
    const said = await plaintextAnswer(other, kind);
    if (said !== undefined) facts.plaintext.push({ address: plaintext, answer: said });
    else if (kind !== 'postgres' && (await accepts(other)))
      facts.plaintext.push({ address: plaintext, answer: 'takes connections' });
    return;
  }
  if (kind !== 'redis') return;
  const port = plaintextPortOf(facts.seen?.identified?.answer);
  if (port === undefined)
    facts.unseen.push(
      facts.seen?.identified === undefined
        ? 'whether it has a port without TLS: give --cert and --key, or --probe, or say it in the inventory (plaintext: HOST:PORT)'
        : 'whether it has a port without TLS: it does not answer CONFIG GET port (plaintext: HOST:PORT says where)',
    );
  else if (port !== 0 && port !== to.port) {
    const said = await plaintextAnswer({ ...to, port }, kind);
    facts.plaintext.push({
      address: address.replace(/:\d+$/, `:${port}`),
      answer: said ?? 'is open by its configuration',
    });
  }
}
