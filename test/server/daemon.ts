import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { Authority } from '../live/authority.ts';
import { cli } from '../support/cli.ts';
import { EventProcess } from '../support/event-process.ts';
import { freePort } from '../support/ports.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads documents whose shape is what it tests
  json(): any;
}

export interface Call {
  method?: string;
  body?: string | object;
  headers?: Record<string, string>;
}

/** A running `cluster-ca serve`, with the CA that it serves. It ends with the test file. */
export class Daemon extends EventProcess {
  readonly ca: Authority;
  readonly port: number;
  readonly plainPort: number;
  readonly #flags: string[];

  constructor(ca: Authority, port: number, plainPort: number, flags: string[]) {
    super();
    this.ca = ca;
    this.port = port;
    this.plainPort = plainPort;
    this.#flags = flags;
  }

  /** A new CA with a daemon's slot. `init` may be told more. Call it at the top level of a test file. */
  static async make(name: string, flags: string[] = [], init: string[] = []): Promise<Daemon> {
    const directory = join(await scratch(`serve-${name}`), 'ca');
    const ca = await Authority.init(directory, name, init);
    await ca.run('keystore', 'slot', 'add', 'serve', '--new-key-file', join(directory, 'serve.key'));
    const daemon = new Daemon(ca, await freePort(), await freePort(), [
      '--key-file',
      join(directory, 'serve.key'),
      ...flags,
    ]);
    afterAll(() => daemon.stop('SIGKILL'));
    return daemon;
  }

  async start(more: string[] = [], env: Record<string, string> = {}): Promise<void> {
    const { CLUSTER_CA_KEY_FILE: _, ...own } = this.ca.env;
    const listen = ['--listen', `127.0.0.1:${this.port}`, '--http-listen', `127.0.0.1:${this.plainPort}`];
    this.events.length = 0;
    this.spawn(['serve', ...listen, ...this.#flags, ...more], { ...own, ...env });
    await Promise.race([
      this.event('listening'),
      this.ended.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${this.stderr}`))),
    ]);
  }

  /** A request with mutual TLS. */
  call(of: Material, path: string, { method = 'GET', body, headers = {} }: Call = {}): Promise<Answer> {
    const content = typeof body === 'object' ? JSON.stringify(body) : body;
    const all = { ...(typeof body === 'object' ? { 'Content-Type': 'application/json' } : {}), ...headers };
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path, method, headers: all, agent: false, ...of };
      const request = httpsRequest(options, (response) => collect(response, resolve, reject));
      request.on('error', reject);
      request.end(content);
    });
  }

  /** A request to the plain listener. */
  plain(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.plainPort, path, agent: false };
      const request = httpRequest(options, (response) => collect(response, resolve, reject));
      request.on('error', reject);
      request.end();
    });
  }

  /** Issues to people, with a role or without. @returns what they connect with */
  async person(name: string, ...flags: string[]): Promise<Required<Material>> {
    await this.ca.run('issue', '--client', name, ...flags, '--out', this.ca.out);
    return materialOf(this.ca.client(name));
  }

  async node(name: string, plane: 'control' | 'data' = 'data'): Promise<Required<Material>> {
    await this.ca.run('issue', name, '--out', this.ca.out);
    return materialOf(this.ca.node(name, plane));
  }
}

export async function materialOf(directory: string): Promise<Required<Material>> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((file) => readFile(join(directory, file))),
  );
  return { ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer };
}

function collect(
  response: import('node:http').IncomingMessage,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', reject);
  response.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) });
  });
}

/** `serve` that is expected to end by itself. */
export function serveOnce(ca: Authority, args: string[], env: Record<string, string> = {}) {
  return cli(['serve', ...args, '--json', '--no-input'], { env: { ...ca.env, ...env } });
}
