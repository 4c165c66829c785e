import { connect, type TLSSocket } from 'node:tls';
import { type Address, formatAddress } from '../endpoint/address.ts';
import { alertMeaning, alertOf } from '../endpoint/alerts.ts';
import { misbehaved, timedOut, unreachable } from '../endpoint/failure.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { preamble } from '../endpoint/starttls.ts';
import { Wire } from '../endpoint/wire.ts';
import type { Refusal } from './target.ts';

export interface ChannelOptions {
  client: ClientCertificate;
  judge: (chain: readonly Uint8Array[]) => Promise<Refusal | undefined>;
  starttls?: string;
  /** Milliseconds. */
  timeout: number;
}

/**
 * Mutual TLS to a service, for what must be said to it: nothing is, before its certificate has been judged. The
 * session is new, never resumed.
 * @throws ERR_REMOTE for a certificate that is not to be trusted, or a service that does not let us in; ERR_TIMEOUT
 */
export async function openChannel(to: Address, options: ChannelOptions): Promise<TLSSocket> {
  const { client, judge, starttls, timeout } = options;
  const wire = await Wire.open(to, timeout);
  try {
    await preamble(wire, starttls);
  } catch (error) {
    wire.close();
    throw error;
  }
  const address = formatAddress(to);
  const socket = connect({
    socket: wire.release(),
    // The chain is judged below, by the one validator that there is.
    rejectUnauthorized: false,
    cert: Buffer.from(client.cert),
    key: Buffer.from(client.key),
  });
  // Under TLS 1.3 a refusal comes when the handshake seems done: while its certificate is judged, too.
  let broken: Error | undefined;
  socket.on('error', (error) => {
    broken = error;
  });
  try {
    await secured(socket, address, timeout);
    const refusal = await judge(chainOf(socket));
    if (socket.destroyed) throw lost(address, broken);
    if (refusal !== undefined)
      throw misbehaved(
        address,
        `shows a certificate that is not to be trusted: ${refusal.message}`,
        refusal.hint ?? `cluster-ca verify ${address} --explain`,
        'untrusted',
      );
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function lost(address: string, error: Error | undefined): Error {
  const code = alertOf(error);
  if (code !== undefined)
    return misbehaved(address, `does not let us in: ${alertMeaning(code)}`, `cluster-ca verify ${address} --explain`);
  return error === undefined ? misbehaved(address, 'closed the connection') : unreachable(address, error);
}

function secured(socket: TLSSocket, address: string, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.off('error', failed).off('close', closed).off('secureConnect', ready);
      settle();
    };
    const timer = setTimeout(() => end(() => reject(timedOut(address, 'finish the TLS handshake', timeout))), timeout);
    const ready = (): void => end(resolve);
    const failed = (error: Error): void => end(() => reject(lost(address, error)));
    const closed = (): void => end(() => reject(misbehaved(address, 'closed the connection in the TLS handshake')));
    socket.on('secureConnect', ready).on('error', failed).on('close', closed);
  });
}

/** What the server has sent, end-entity certificate first. */
function chainOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < 10) {
    chain.push(new Uint8Array(certificate.raw));
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
