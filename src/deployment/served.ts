import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Hex } from '../crypto/hash.ts';
import { parseAddress, serverNameOf } from '../endpoint/address.ts';
import { type ClientCertificate, type Handshake, handshake } from '../endpoint/handshake.ts';
import { isClusterCaError } from '../errors.ts';
import type { Service } from '../inventory/services.ts';
import { askInside, clientRefusedInside } from '../services/probes.ts';

/** How a service answers a mutual-TLS handshake. */
export type Served =
  | {
      state: 'serves';
      fingerprint: string;
      der: Uint8Array;
      lets: boolean;
      why?: string;
      /** What would resume the session. */
      session?: Uint8Array;
    }
  /** Nothing listens, or nothing answers. */
  | { state: 'down'; why: string }
  /** Something answers, and ends no handshake. */
  | { state: 'broken'; why: string };

/** How often in a row the new certificate must be seen: a server may have old workers yet. */
const IN_A_ROW = 3;
const PAUSE = 100;

/** One handshake, with a new session. */
export async function askServed(service: Service & { address: string }, client: ClientCertificate): Promise<Served> {
  try {
    return told(service, await shake(service, client));
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    const silent = error.code === 'ERR_TIMEOUT' || error.details?.reason === 'ECONNREFUSED';
    return { state: silent || error.details?.reason === 'EHOSTUNREACH' ? 'down' : 'broken', why: error.message };
  }
}

/** Whether a service lets in who resumes this session, whatever it says to the certificate that began it. */
export async function resumesSession(
  service: Service & { address: string },
  client: ClientCertificate,
  session: Uint8Array,
): Promise<boolean> {
  try {
    const { resumed, outcome, answer } = await shake(service, client, session);
    return resumed === true && outcome === 'accepted' && !clientRefusedInside(service.kind, answer);
  } catch (error) {
    if (!isClusterCaError(error, 'ERR_REMOTE', 'ERR_TIMEOUT')) throw error;
    return false;
  }
}

function shake(
  { kind, address }: Service & { address: string },
  client: ClientCertificate,
  session?: Uint8Array,
): Promise<Handshake> {
  const to = parseAddress(address);
  return handshake(to, {
    client,
    session,
    serverName: serverNameOf(to.host),
    starttls: kind === 'postgres' ? 'postgres' : undefined,
    ask: kind === 'redis' || kind === 'sentinel' ? { request: 'PING\r\n' } : askInside(kind),
  });
}

function told({ kind, label }: Service, found: Handshake): Served {
  if (found.leaf === undefined)
    return { state: 'broken', why: `${label} ends no handshake: ${found.alert ?? 'it closes the connection'}` };
  const refused = found.outcome === 'refused' || clientRefusedInside(kind, found.answer);
  return {
    state: 'serves',
    fingerprint: sha256Hex(found.leaf),
    der: found.leaf,
    lets: !refused,
    ...(found.session === undefined ? {} : { session: found.session }),
    ...(refused ? { why: found.reason ?? 'it does not accept the client certificate' } : {}),
  };
}

/** What is to be seen. */
export interface Wanted {
  /** SHA-256 of the certificates of which one is to be served. */
  fingerprints: readonly string[];
  /** Whether it must let us in, too. */
  lets: boolean;
}

/**
 * Waits until a service serves such a certificate and lets us in, several times in a row.
 * @param timeout milliseconds
 * @returns undefined when it does; what it does instead
 */
export async function confirmServed(
  service: Service & { address: string },
  client: ClientCertificate,
  wanted: Wanted,
  timeout: number,
): Promise<string | undefined> {
  const deadline = Date.now() + timeout;
  let seen = 0;
  for (;;) {
    const served = await askServed(service, client);
    const wrong = instead(service, served, wanted);
    seen = wrong === undefined ? seen + 1 : 0;
    if (seen === IN_A_ROW) return undefined;
    if (wrong !== undefined && Date.now() > deadline) return wrong;
    await sleep(PAUSE);
  }
}

function instead({ label }: Service, served: Served, { fingerprints, lets }: Wanted): string | undefined {
  if (served.state !== 'serves') return served.why;
  if (!fingerprints.includes(served.fingerprint))
    return `${label} serves the certificate ${served.fingerprint.slice(0, 16)}…, and not the one that was placed`;
  if (lets && !served.lets) return `${label} serves the new certificate and does not let us in: ${served.why}`;
  return undefined;
}
