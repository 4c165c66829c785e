import { join } from 'node:path';
import { run } from './cli.ts';
import { program } from './debian.ts';
import type { Server, Servers } from './servers.ts';
import { ask, material } from './tls.ts';

export interface Redis {
  port: number;
  server: Server;
}

export interface RedisOptions {
  name: string;
  port: number;
  /** Where cert.pem, key.pem and ca.pem are. */
  files: string;
  /** Further settings. */
  settings?: Record<string, string>;
}

/** Starts a Redis that speaks nothing but mutual TLS, as a client, as a server and between instances. */
export async function startRedis(servers: Servers, options: RedisOptions): Promise<Redis> {
  const { name, port, files } = options;
  const directory = join(servers.directory, name);
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    port: '0',
    'tls-port': String(port),
    ...tlsFiles(files),
    'tls-auth-clients': 'yes',
    'tls-replication': 'yes',
    dir: directory,
    save: '',
    // Why a client was turned away is logged at this level.
    loglevel: 'verbose',
    'repl-diskless-sync-delay': '0',
    ...options.settings,
  };
  const server = await servers.start({
    name,
    directory,
    file: program('redis-server'),
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    ready: async () =>
      /^\+PONG/.test(await ask(port, await material(files), 'PING\r\n').catch((error: unknown) => String(error))),
  });
  return { port, server };
}

/** The settings that name the files of a certificate, at start and for CONFIG SET. */
export function tlsFiles(files: string): Record<string, string> {
  return {
    'tls-cert-file': join(files, 'cert.pem'),
    'tls-key-file': join(files, 'key.pem'),
    'tls-ca-cert-file': join(files, 'ca.pem'),
  };
}

/**
 * Runs redis-cli over TLS with these files.
 * @param to a port of 127.0.0.1, or another address
 * @throws with its output when it fails or answers with an error
 */
export async function redisCli(
  files: string,
  to: number | { host: string; port: number },
  ...words: string[]
): Promise<string> {
  const { host, port } = typeof to === 'number' ? { host: '127.0.0.1', port: to } : to;
  const flags = ['--cert', join(files, 'cert.pem'), '--key', join(files, 'key.pem'), '--cacert', join(files, 'ca.pem')];
  const args = ['-e', '--no-auth-warning', '--tls', ...flags, '-h', host, '-p', String(port), ...words];
  const { code, stdout, stderr } = await run(program('redis-cli'), args);
  if (code !== 0) throw new Error(`redis-cli ${words.join(' ')} on ${port}: exit ${code}\n${stdout}${stderr}`);
  return stdout.trimEnd();
}
