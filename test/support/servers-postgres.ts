import { chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './cli.ts';
import { executable, program } from './debian.ts';
import { accepts, freePort } from './ports.ts';
import type { Server, Servers } from './servers.ts';
import { until } from './servers.ts';

/** PostgreSQL refuses to be root's. */
export const NOBODY = 65_534;

export interface Postgres {
  port: number;
  server: Server;
  /** The directory with cert.pem, key.pem, ca.pem, and crl.pem where one was given. */
  files: string;
}

/**
 * Starts a PostgreSQL that lets nobody in without TLS and, with `demanding`, without a client certificate.
 * @param place a directory outside of every other: it is given to the user that the server runs as
 * @param from the files of a node and plane
 */
export async function startPostgres(
  servers: Servers,
  place: string,
  from: string,
  options: { demanding: boolean; crl?: string },
): Promise<Postgres> {
  const port = await freePort();
  const directory = join(place, String(port));
  mkdirSync(directory, { mode: 0o700 });
  own(place);
  const [data, files] = [join(directory, 'data'), join(directory, 'tls')];
  mkdirSync(files, { mode: 0o700 });
  const names = ['cert.pem', 'key.pem', 'ca.pem'];
  for (const name of names) copyFileSync(join(from, name), join(files, name));
  if (options.crl !== undefined) copyFileSync(options.crl, join(files, 'crl.pem'));
  for (const path of [directory, files, ...[...names, ...(options.crl ? ['crl.pem'] : [])].map((n) => join(files, n))])
    own(path);
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const initdb = await run(executable('initdb') ?? 'initdb', ['-D', data, '-A', 'reject', '-U', 'owner', '-N'], {
    ...user,
    cwd: directory,
  });
  if (initdb.code !== 0) throw new Error(`initdb: ${initdb.stderr}`);
  const rule = options.demanding ? 'cert clientcert=verify-full' : 'trust';
  writeFileSync(join(data, 'pg_hba.conf'), `hostssl all all 127.0.0.1/32 ${rule}\n`);
  const tls = {
    ssl: 'on',
    ssl_cert_file: join(files, 'cert.pem'),
    ssl_key_file: join(files, 'key.pem'),
    ssl_ca_file: join(files, 'ca.pem'),
    ...(options.crl === undefined ? {} : { ssl_crl_file: join(files, 'crl.pem') }),
  };
  const settings = { ...tls, listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' };
  const args = ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
  const server = await servers.start({
    name: 'postgres',
    directory: join(servers.directory, `postgres-${port}`),
    ...(user.uid === undefined
      ? { file: program('postgres'), args }
      : {
          file: executable('setpriv') ?? 'setpriv',
          args: [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', program('postgres'), ...args],
        }),
    ready: () => accepts(port),
  });
  await until('postgres is ready', () => server.output().includes('ready to accept connections'));
  return { port, server, files };
}

export function own(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
}
