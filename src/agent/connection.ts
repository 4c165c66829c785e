import type { Address } from '../endpoint/address.ts';
import { ServerClient } from '../remote/call.ts';
import { type Holding, keyOf } from './holding.ts';

/**
 * Calls to the daemon as this node. The certificate that was shown at a connection's beginning stands for it until its
 * end: with a new one, or new anchors, there are new connections.
 */
export class Connection {
  readonly #server: Address;
  #made: { stamp: string; client: ServerClient } | undefined;

  constructor(server: Address) {
    this.#server = server;
  }

  /** Shows the certificate of these that lives longest. Not to be asked for while a call is in work. @throws ERR_STATE */
  client(holdings: readonly Holding[], anchors: string): ServerClient {
    const [longest] = holdings
      .filter(({ profile }) => profile !== 'server')
      .toSorted((a, b) => b.certificate.notAfter - a.certificate.notAfter);
    const stamp = `${longest?.fingerprint}\n${anchors}`;
    if (this.#made?.stamp === stamp) return this.#made.client;
    this.close();
    const key = longest && keyOf(longest);
    const own = longest === undefined || key === undefined ? {} : { cert: longest.chain, key };
    const client = new ServerClient(this.#server, { ca: anchors, ...own });
    this.#made = { stamp, client };
    return client;
  }

  close(): void {
    this.#made?.client.close();
    this.#made = undefined;
  }
}
