import { randomBytes } from '../crypto/hash.ts';
import { formatAddress, parseAddress, serverNameOf } from '../endpoint/address.ts';
import { handshake } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import { toHex } from '../pki/encoding.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Dialing } from './target.ts';

/** What is wanted of the options of nginx. */
interface WithProbe {
  connectProbe?: { path: string; port: number } | undefined;
}

/** What nginx answers when it did not get through to us, or did not trust us. */
const BAD_GATEWAY = '502';
/** What we answer, and it passes on. */
const HEARD = '204';

/**
 * nginx takes no server at run time. Where its configuration has a location that leads to us, with the same
 * proxy_ssl_trusted_certificate as those that lead to its servers, a request for that makes a worker connect. It judges
 * after the handshake, and sends the request on to whom it trusts alone.
 */
export const nginxDialing: Dialing<WithProbe> = {
  listener: ({ connectProbe }) =>
    connectProbe === undefined
      ? 'nginx has no location that leads to an end of ours: reload: { connectProbe: { path: …, port: … } }'
      : { port: connectProbe.port, fixedName: true },
  async open({ options, service, client, timeout }) {
    const { address } = service;
    const { path } = options.connectProbe as NonNullable<WithProbe['connectProbe']>;
    if (address === undefined) throw cannot('its inventory entry has no address to ask at');
    if (client === undefined) throw cannot('it lets in no certificate of ours');
    const to = parseAddress(address);
    const target = `${path}?${toHex(randomBytes(16))}`;
    const request = `GET ${target} HTTP/1.0\r\nHost: ${formatAddress(to)}\r\n\r\n`;
    return {
      how: `a request to its location ${path}, which leads to an end of ours`,
      says: `GET ${target} `,
      async dial() {
        const serverName = serverNameOf(to.host);
        const { answer = '' } = await handshake(to, { client, timeout, serverName, ask: { request } });
        const status = /^HTTP\/1\.\d (\d{3})/.exec(answer)?.[1];
        if (status === HEARD || status === BAD_GATEWAY) return { hasTried: true, said: `it answers ${status}` };
        const line = safeText(answer.split('\r\n')[0]?.slice(0, 100) ?? '') || 'nothing';
        return { hasTried: false, said: `it answers ${line} to GET ${path}` };
      },
      close: async () => {},
    };
  },
};

function cannot(why: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', why, { hint: 'docs/servers/nginx.md says what it takes' });
}
