import { Agent, type RequestOptions, request } from 'node:https';
import { type Address, formatAddress } from '../endpoint/address.ts';
import { misbehaved, timedOut, unreachable } from '../endpoint/failure.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';

/** An answer is at most this large, in octets: the CRLs of a large cluster are in some. */
const MOST = 64 * 1024 * 1024;

/** Whom we trust and who we are, PEM. */
export interface Credentials {
  ca: string;
  cert?: string;
  key?: Uint8Array;
}

export interface ServerCall {
  method: 'GET' | 'POST';
  path: string;
  body?: object;
  /** Milliseconds in which the answer is to be there, whole. */
  timeout: number;
  signal?: AbortSignal;
}

export interface ServerAnswer {
  status: number;
  body: unknown;
}

/** Calls of one node to the daemon, over one kept connection or a few. TLS verifies the daemon by the given anchors alone. */
export class ServerClient {
  readonly address: Address;
  readonly #options: RequestOptions;
  readonly #agent: Agent;

  constructor(address: Address, { ca, cert, key }: Credentials) {
    this.address = address;
    // No session is resumed: it would stand for the certificate with which it began.
    this.#agent = new Agent({ keepAlive: true, maxCachedSessions: 0 });
    this.#options = {
      host: address.host,
      port: address.port,
      agent: this.#agent,
      minVersion: 'TLSv1.2',
      ca,
      ...(cert === undefined || key === undefined ? {} : { cert, key: Buffer.from(key) }),
    };
  }

  /**
   * @returns an answer whose status is below 400
   * @throws ERR_REMOTE, ERR_TIMEOUT when there is none; ERR_REMOTE for a problem document, with `status` and `problem` (its kind) among the details
   */
  async call(call: ServerCall): Promise<ServerAnswer> {
    const answer = await this.#send(call);
    if (answer.status < 400) return answer;
    throw problemError(this.address, answer);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send({ method, path, body, timeout, signal }: ServerCall): Promise<ServerAnswer> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      content === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(content)) };
    const where = formatAddress(this.address);
    return new Promise((resolve, reject) => {
      const sent = request({ ...this.#options, method, path, headers, ...(signal === undefined ? {} : { signal }) });
      const deadline = setTimeout(() => sent.destroy(timedOut(where, 'answer', timeout)), timeout);
      const fail = (error: unknown): void => {
        clearTimeout(deadline);
        reject(asRemote(this.address, error));
      };
      sent.on('error', fail);
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MOST) sent.destroy(misbehaved(where, `answers with more than ${MOST} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('aborted', () => fail(misbehaved(where, 'closed the connection amid its answer')));
        response.on('end', () => {
          clearTimeout(deadline);
          const { statusCode: status = 0 } = response;
          const text = Buffer.concat(chunks).toString();
          try {
            resolve({ status, body: text === '' ? undefined : JSON.parse(text) });
          } catch {
            reject(misbehaved(where, 'does not answer with JSON', 'is that the daemon of this cluster?'));
          }
        });
      });
      sent.end(content);
    });
  }
}

function problemError(address: Address, { status, body }: ServerAnswer): ClusterCaError {
  const document = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string): string | undefined => {
    const value = document[name];
    return typeof value === 'string' ? value : undefined;
  };
  const problem = text('type')?.replace(/^urn:cluster-ca:problem:/, '');
  const where = formatAddress(address);
  return new ClusterCaError('ERR_REMOTE', `${where} refuses: ${text('detail') ?? `status ${status}`}`, {
    hint: text('hint'),
    details: { address: where, status, ...(problem === undefined ? {} : { problem }) },
  });
}

/** TLS says by its code what is wrong with the daemon's certificate. */
function asRemote(address: Address, error: unknown): ClusterCaError {
  if (isClusterCaError(error)) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/^(CERT_|UNABLE_|SELF_SIGNED|DEPTH_ZERO|INVALID_|ERR_TLS_CERT)/.test(code))
    return misbehaved(formatAddress(address), `shows a certificate that is not accepted: ${message}`, undefined, code);
  return unreachable(formatAddress(address), error);
}
