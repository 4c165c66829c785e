import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { accepts, freePort } from './ports.ts';
import type { Server, Servers } from './servers.ts';

export interface Nginx {
  port: number;
  server: Server;
  configuration: string;
  pidFile: string;
  /** What checks its configuration. */
  test: string[];
}

export interface NginxOptions {
  /** How many workers its master has; without it is one single process. */
  workers?: number;
  port?: number;
  /** A further port, at which it asks for no client certificate. */
  open?: number;
  /** The CAs that it names to whoever connects, where those of ca.pem are trusted besides, and not named. */
  named?: string;
  /** A location `/probe` that leads to this port, by TLS, and to a server that has this name. */
  probe?: { port: number; name: string; more?: string };
  /** Further lines for `server`. */
  more?: string;
}

/** Starts an nginx that demands a client certificate and checks it against the CRLs; '': none. */
export async function startNginx(
  servers: Servers,
  files: string,
  crl: string,
  options: NginxOptions = {},
): Promise<Nginx> {
  const directory = join(servers.directory, 'nginx');
  const configuration = join(directory, 'nginx.conf');
  const port = options.port ?? (await freePort());
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(configuration, configure(directory, port, files, crl, options));
  const args = ['-p', directory, '-c', configuration, '-e', 'stderr'];
  const server = await servers.start({
    name: 'nginx',
    directory,
    file: program('nginx'),
    args,
    ready: () => accepts(port),
  });
  const pidFile = join(directory, 'nginx.pid');
  return { port, server, configuration, pidFile, test: [program('nginx'), ...args, '-t'] };
}

/** In the foreground; everything that it writes is in its directory. */
const configure = (
  directory: string,
  port: number,
  files: string,
  crl: string,
  { workers, open, named, probe, more = '' }: NginxOptions,
): string => `
daemon off;
${workers === undefined ? 'master_process off;' : `worker_processes ${workers};`}
pid ${join(directory, 'nginx.pid')};
error_log stderr info;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${join(files, 'cert.pem')};
    ssl_certificate_key ${join(files, 'key.pem')};
    ssl_client_certificate ${named ?? join(files, 'ca.pem')};
    ${named === undefined ? '' : `ssl_trusted_certificate ${join(files, 'ca.pem')};`}
    ssl_verify_client on;
    ${crl === '' ? '' : `ssl_crl ${crl};`}
    ${more}
    ${probe === undefined ? '' : location(probe, files, crl)}
    location / { return 200 "welcome $ssl_client_s_dn"; }
  }
${open === undefined ? '' : frontEnd(open, files)}}
`;

const location = ({ port, name, more }: NonNullable<NginxOptions['probe']>, files: string, crl: string): string => `
    location = /probe {
      proxy_pass https://127.0.0.1:${port};
      proxy_ssl_name ${name};
      proxy_ssl_server_name on;
      ${more ?? 'proxy_ssl_verify on;'}
      proxy_ssl_trusted_certificate ${join(files, 'ca.pem')};
      ${crl === '' ? '' : `proxy_ssl_crl ${crl};`}
    }`;

const frontEnd = (port: number, files: string): string => `
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${join(files, 'cert.pem')};
    ssl_certificate_key ${join(files, 'key.pem')};
    return 200 "welcome whoever";
  }
`;
