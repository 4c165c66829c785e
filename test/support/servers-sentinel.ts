import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import type { Server, Servers } from './servers.ts';
import { tlsFiles } from './servers-redis.ts';
import { ask, material } from './tls.ts';

/** Starts a program ($0) with an argument again and again, as systemd does; it ends with the one who watches over it. */
export const SUPERVISOR = 'while :; do setpriv --pdeathsig KILL "$0" "$1"; sleep 0.1; done';

export interface Sentinel {
  port: number;
  configuration: string;
  pidFile: string;
  server: Server;
  /** What restarts it: it is ended, when it runs, and started again by what watches over it, as systemd does. */
  restart: string[];
}

export interface SentinelOptions {
  name: string;
  port: number;
  /** Where cert.pem, key.pem and ca.pem are. */
  files: string;
  /** The port of the primary that it watches on 127.0.0.1. */
  primary: number;
  quorum?: number;
  /** Milliseconds. */
  downAfter?: number;
  /** Further lines. */
  more?: string[];
}

/** What is known of a Sentinel before it is started. */
export function sentinelFiles(servers: Servers, name: string) {
  const directory = join(servers.directory, name);
  const pidFile = join(directory, 'pid');
  return {
    directory,
    configuration: join(directory, 'sentinel.conf'),
    pidFile,
    restart: ['sh', '-c', `kill $(cat ${pidFile}) || true`],
  };
}

/** Starts a Sentinel that speaks nothing but mutual TLS, under a supervisor that starts it again when it ends. */
export async function startSentinel(servers: Servers, options: SentinelOptions): Promise<Sentinel> {
  const { name, port, files, primary, quorum = 2, downAfter = 3000, more = [] } = options;
  const { directory, configuration, pidFile, restart } = sentinelFiles(servers, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lines = [
    'bind 127.0.0.1',
    'port 0',
    `tls-port ${port}`,
    ...Object.entries(tlsFiles(files)).map(([key, value]) => `${key} ${value}`),
    'tls-auth-clients yes',
    // So it also connects by TLS, to the Redises and to other Sentinels.
    'tls-replication yes',
    `dir ${directory}`,
    `pidfile ${pidFile}`,
    `sentinel monitor orders 127.0.0.1 ${primary} ${quorum}`,
    `sentinel down-after-milliseconds orders ${downAfter}`,
    'sentinel failover-timeout orders 5000',
    ...more,
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`, { mode: 0o600 });
  const server = await servers.start({
    name,
    directory,
    file: '/bin/sh',
    args: ['-c', SUPERVISOR, program('redis-sentinel'), configuration],
    ready: async () =>
      /^\+PONG/.test(await ask(port, await material(files), 'PING\r\n').catch((error: unknown) => String(error))),
  });
  return { port, configuration, pidFile, server, restart };
}
