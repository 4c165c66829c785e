import { join } from 'node:path';
import { program } from './debian.ts';
import { freePort } from './ports.ts';
import type { Server, Servers } from './servers.ts';
import { askAll, material } from './tls.ts';

/** Starts an etcd of one member whose client port demands a client certificate. @param files also a client's of its CA */
export async function startEtcd(servers: Servers, files: string): Promise<{ port: number; server: Server }> {
  const directory = join(servers.directory, 'etcd');
  const [port, peer] = [await freePort(), await freePort()];
  const [client, between] = [`https://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
  const server = await servers.start({
    name: 'etcd',
    directory,
    file: program('etcd'),
    args: [
      ...['--name', 'one', '--data-dir', join(directory, 'data'), '--client-cert-auth'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...[
        '--listen-peer-urls',
        between,
        '--initial-advertise-peer-urls',
        between,
        '--initial-cluster',
        `one=${between}`,
      ],
      ...['--cert-file', join(files, 'cert.pem'), '--key-file', join(files, 'key.pem')],
      ...['--trusted-ca-file', join(files, 'ca.pem')],
    ],
    ready: async () =>
      /"health":"true"/.test(
        await askAll(port, await material(files), 'GET /health HTTP/1.0\r\n\r\n').catch((error: unknown) =>
          String(error),
        ),
      ),
  });
  return { port, server };
}
