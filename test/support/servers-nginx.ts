import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './debian.ts';
import { accepts, freePort } from './ports.ts';
import type { Server, Servers } from './servers.ts';

/** Starts an nginx that demands a client certificate and checks it against the CRLs. */
export async function startNginx(
  servers: Servers,
  files: string,
  crl: string,
): Promise<{ port: number; server: Server }> {
  const directory = join(servers.directory, 'nginx');
  const configuration = join(directory, 'nginx.conf');
  const port = await freePort();
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(configuration, configure(directory, port, files, crl));
  const server = await servers.start({
    name: 'nginx',
    directory,
    file: program('nginx'),
    args: ['-p', directory, '-c', configuration, '-e', 'stderr'],
    ready: () => accepts(port),
  });
  return { port, server };
}

/** As a single process in the foreground, for which everything that it writes is in its directory. */
const configure = (directory: string, port: number, files: string, crl: string): string => `
daemon off;
master_process off;
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
    ssl_client_certificate ${join(files, 'ca.pem')};
    ssl_verify_client on;
    ssl_crl ${crl};
    return 200 "welcome $ssl_client_s_dn";
  }
}
`;
