import { join } from 'node:path';
import { executable, program } from './debian.ts';
import { freePort } from './ports.ts';
import type { Server, Servers } from './servers.ts';
import { askAll, material, plain } from './tls.ts';

/**
 * Starts an etcd of one member whose client port demands a client certificate.
 * @param client the files of a client of its CA
 */
export async function startEtcd(
  servers: Servers,
  files: string,
  client = files,
): Promise<{ port: number; server: Server }> {
  const directory = join(servers.directory, 'etcd');
  const [port, peer] = [await freePort(), await freePort()];
  const [url, between] = [`https://127.0.0.1:${port}`, `http://127.0.0.1:${peer}`];
  const server = await servers.start({
    name: 'etcd',
    directory,
    file: program('etcd'),
    args: [
      ...['--name', 'one', '--data-dir', join(directory, 'data'), '--client-cert-auth'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
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
        await askAll(port, await material(client), 'GET /health HTTP/1.0\r\n\r\n').catch((error: unknown) =>
          String(error),
        ),
      ),
  });
  return { port, server };
}

/** A member of a cluster in which clients and peers speak mutual TLS only. */
export interface EtcdMember extends EtcdPlace {
  server: Server;
  /** Where the number of its process is; whoever ends that process has restarted it. */
  pidFile: string;
  /** A command that restarts it. */
  restart: string[];
}

/** Starts the process anew whenever it ends; it goes with the shell, and the shell with the process of the test. */
export const SUPERVISOR = `
pid=$1; shift
while :; do
  setpriv --pdeathsig KILL "$@" &
  echo $! >"$pid.new"; mv "$pid.new" "$pid"
  wait $!
  sleep 0.1
done`;

/** Where a member is to be. */
export interface EtcdPlace {
  name: string;
  /** The directory with cert.pem, key.pem and ca.pem, for both ports. */
  files: string;
  port: number;
  peerPort: number;
}

/** A place for each directory of files. */
export async function etcdPlaces(directories: readonly string[]): Promise<EtcdPlace[]> {
  const places: EtcdPlace[] = [];
  for (const [i, files] of directories.entries())
    places.push({ name: `m${i + 1}`, files, port: await freePort(), peerPort: await freePort() });
  return places;
}

/** A command that restarts the member that is to be at a place. */
export function etcdRestart(servers: Servers, { port }: EtcdPlace): string[] {
  return ['sh', '-c', `kill $(cat ${pidFileOf(servers, port)})`];
}

function pidFileOf(servers: Servers, port: number): string {
  return join(servers.directory, `etcd-${port}`, 'pid');
}

/**
 * Starts a cluster with a member at each place.
 * @param options whether clients come without TLS
 */
export async function startEtcdCluster(
  servers: Servers,
  places: readonly EtcdPlace[],
  { plainClients = false } = {},
): Promise<EtcdMember[]> {
  const url = (port: number): string => `https://127.0.0.1:${port}`;
  const clientUrl = (port: number): string => (plainClients ? url(port).replace('https', 'http') : url(port));
  const cluster = places.map(({ name, peerPort }) => `${name}=${url(peerPort)}`).join();
  return Promise.all(
    places.map(async (place): Promise<EtcdMember> => {
      const { name, files, port, peerPort } = place;
      const directory = join(servers.directory, `etcd-${port}`);
      const pidFile = pidFileOf(servers, port);
      const [cert, key, ca] = ['cert.pem', 'key.pem', 'ca.pem'].map((file) => join(files, file)) as [
        string,
        string,
        string,
      ];
      const server = await servers.start({
        name,
        directory,
        file: executable('sh') ?? 'sh',
        args: [
          ...['-c', SUPERVISOR, 'sh', pidFile, program('etcd')],
          ...['--name', name, '--data-dir', join(directory, 'data'), '--initial-cluster', cluster],
          ...['--listen-client-urls', clientUrl(port), '--advertise-client-urls', clientUrl(port)],
          ...['--listen-peer-urls', url(peerPort), '--initial-advertise-peer-urls', url(peerPort)],
          ...(plainClients
            ? []
            : ['--client-cert-auth', '--cert-file', cert, '--key-file', key, '--trusted-ca-file', ca]),
          ...['--peer-client-cert-auth', '--peer-cert-file', cert, '--peer-key-file', key],
          ...['--peer-trusted-ca-file', ca],
        ],
        ready: async () => {
          const health = 'GET /health HTTP/1.0\r\n\r\n';
          const answer = plainClients
            ? (await plain(port, health)).answer
            : await askAll(port, await material(files), health).catch(String);
          return /"health":"true"/.test(answer);
        },
      });
      return { ...place, server, pidFile, restart: etcdRestart(servers, place) };
    }),
  );
}
