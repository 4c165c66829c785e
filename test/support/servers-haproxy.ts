import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { accepts } from './ports.ts';
import { type Server, type Servers, until } from './servers.ts';

/** A port where HAProxy demands a client certificate, and the server behind it. */
export interface Frontend {
  name: string;
  port: number;
  /** Certificate, chain and key in one file. */
  pem: string;
  anchors: string;
  /** ''; none is read. */
  crl: string;
  /** The rest of the `server` line. */
  server: string;
  /** Further lines. */
  more?: string;
}

/** Where its processes can be spoken to. */
export interface HaProxySockets {
  socket?: string;
  masterSocket?: string;
  pidFile?: string;
}

export interface HaProxy {
  server: Server;
  /** Its configuration file. */
  configuration: string;
  /** Reads its files again, and waits until the process with the old ones is gone. */
  reload(): Promise<void>;
}

/** Starts HAProxy as a master with one worker, as systemd does. */
export async function startHaProxy(
  servers: Servers,
  frontends: Frontend[],
  { socket, masterSocket, pidFile }: HaProxySockets = {},
): Promise<HaProxy> {
  const directory = join(servers.directory, 'haproxy');
  const configuration = join(directory, 'haproxy.cfg');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(configuration, `${global(socket)}${frontends.map(section).join('')}`);
  const server = await servers.start({
    name: 'haproxy',
    directory,
    file: program('haproxy'),
    args: [
      '-W',
      ...(masterSocket === undefined ? [] : ['-S', masterSocket]),
      ...(pidFile === undefined ? [] : ['-p', pidFile]),
      '-f',
      configuration,
    ],
    ready: async () => (await Promise.all(frontends.map(({ port }) => accepts(port)))).every(Boolean),
  });
  let reloads = 0;
  const reload = async (): Promise<void> => {
    reloads++;
    server.signal('SIGUSR2');
    await until('the old worker of HAProxy is gone', () => {
      const gone = server.output().match(/former worker .* exited/gi) ?? [];
      return gone.length >= reloads;
    });
  };
  return { server, configuration, reload };
}

const global = (socket: string | undefined): string => `
global
  log stdout format raw local0
  ${socket === undefined ? '' : `stats socket ${socket} mode 600 level admin`}
defaults
  mode tcp
  log global
  error-log-format "%ft: client: %[ssl_fc_err_str]"
  log-format "%ft: %ts, server: %[bc_err_str], %[ssl_bc_err_str]"
  retries 0
  timeout connect 5s
  timeout client 20s
  timeout server 20s
`;

const section = ({ name, port, pem, anchors, crl, server, more = '' }: Frontend): string => `
listen ${name}
  bind 127.0.0.1:${port} ssl crt ${pem} ca-file ${anchors} verify required ${crl === '' ? '' : `crl-file ${crl}`}
  ${more}
  server shard ${server}
`;
