import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { VERSION } from '../../version.ts';
import { passing, permanent, reasonOf } from './failure.ts';
import { addressOf, type Resolver } from './resolve.ts';

/** What is read of an answer that is an error: the rest is nobody's. */
const MOST = 1024;
/** Answers that another attempt may not get. */
const PASSING = [408, 425, 429];

export interface Post {
  url: URL;
  headers: Record<string, string>;
  body: string;
  /** PEM, instead of the system's roots. */
  ca: string | undefined;
  resolver: Resolver;
  signal: AbortSignal;
}

/**
 * Posts JSON: to the address that the name had when it was looked at, following no redirect, reading no more of the
 * answer than its status and the beginning of an error.
 * @throws ERR_REMOTE for every answer that is not 2xx
 */
export async function post({ url, headers, body, ca, resolver, signal }: Post): Promise<void> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const address = await addressOf(host, resolver, signal);
  const family = address.includes(':') ? 6 : 4;
  const bytes = Buffer.from(body);
  const options = {
    method: 'POST',
    agent: false as const,
    signal,
    // Whatever is asked: this address.
    lookup: (_: string, asked: { all?: boolean }, done: (...answer: never[]) => void) =>
      (done as (...answer: unknown[]) => void)(null, ...(asked.all ? [[{ address, family }]] : [address, family])),
    headers: {
      'content-type': 'application/json',
      'content-length': String(bytes.length),
      'user-agent': `cluster-ca/${VERSION}`,
      ...headers,
    },
    ...(ca === undefined ? {} : { ca }),
  };
  let status: number;
  let said: string;
  try {
    ({ status, said } = await exchange(url, options, bytes));
  } catch (cause) {
    const why = signal.aborted ? 'it does not answer in time' : reasonOf(cause);
    throw passing(`${url.origin}: ${why}`, 'is it running, and is its certificate to be trusted (ca: FILE)?', cause);
  }
  if (status >= 200 && status < 300) return;
  if (status >= 300 && status < 400)
    throw permanent(`${url.origin} answers with a redirect (${status}), which is not followed`, 'give its own URL');
  const message = `${url.origin} answers ${status}${said === '' ? '' : `: ${said}`}`;
  if (status >= 500 || PASSING.includes(status)) throw passing(message, 'see its log');
  throw permanent(message, 'see its log, and the URL and the secret in the inventory');
}

function exchange(url: URL, options: object, body: Buffer): Promise<{ status: number; said: string }> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, options, (response) => {
      const { statusCode: status = 0 } = response;
      if (status < 400) {
        resolve({ status, said: '' });
        request.destroy();
        return;
      }
      beginning(response).then((said) => {
        resolve({ status, said });
        request.destroy();
      }, reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The first octets of an answer, printable; what comes in pieces is waited for as long as the request may take. */
async function beginning(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= MOST) break;
    }
  } catch {
    // The status is known: what else was to come changes nothing.
  }
  return Buffer.concat(chunks)
    .subarray(0, MOST)
    .toString()
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim();
}
