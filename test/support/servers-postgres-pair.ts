import { mkdirSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './cli.ts';
import { executable, program } from './debian.ts';
import { accepts, freePort } from './ports.ts';
import { type Server, type Servers, until } from './servers.ts';
import { NOBODY, own } from './servers-postgres.ts';

/** One server of a pair. */
export interface PairMember {
  port: number;
  /** The directory with its cert.pem, key.pem and ca.pem, in its configuration as `ssl_…_file`. */
  files: string;
  data: string;
  pidFile: string;
  server: Server;
  /** psql as its superuser, over the unix socket. */
  psql: string[];
  /** What that prints. */
  query(sql: string): Promise<string>;
}

export interface Pair {
  primary: PairMember;
  standby: PairMember;
}

/** A user of the name of its certificate is let in; the two servers as `repl`. */
const HBA = `
local all owner trust
hostssl replication repl 127.0.0.1/32 cert map=servers
hostssl all all 127.0.0.1/32 cert clientcert=verify-full
`;

/**
 * Starts a primary and a hot standby that streams from it with its own certificate.
 * @param place a directory outside of every other: it is given to the user that the servers run as
 * @param files their directories: given to that user too
 * @param options where they are to be; whether they read crl.pem
 */
export async function startPostgresPair(
  servers: Servers,
  place: string,
  files: { primary: string; standby: string },
  options: { ports?: { primary: number; standby: number }; crl?: boolean } = {},
): Promise<Pair> {
  own(place);
  const port = options.ports ?? { primary: await freePort(), standby: await freePort() };
  const data = { primary: join(place, 'primary'), standby: join(place, 'standby') };
  await as(place, 'initdb', '-D', data.primary, '-A', 'trust', '-U', 'owner', '-N');
  writeFileSync(join(data.primary, 'pg_hba.conf'), HBA);
  const map = ['pg-1', 'pg-2'].map((name) => `servers ${name} repl\n`).join('');
  writeFileSync(join(data.primary, 'pg_ident.conf'), map);
  const primary = await start(servers, place, 'primary', {
    data: data.primary,
    files: files.primary,
    port: port.primary,
    crl: options.crl ?? false,
  });
  await primary.query('create role repl replication login');
  const conninfo = [
    `host=127.0.0.1 port=${port.primary} user=repl sslmode=verify-full`,
    ...['cert', 'key'].map((name) => `ssl${name}=${join(files.standby, `${name}.pem`)}`),
    `sslrootcert=${join(files.standby, 'ca.pem')}`,
  ].join(' ');
  await as(place, 'pg_basebackup', '-D', data.standby, '-R', '-X', 'stream', '-c', 'fast', '-d', conninfo);
  const standby = await start(servers, place, 'standby', {
    data: data.standby,
    files: files.standby,
    port: port.standby,
    crl: options.crl ?? false,
  });
  const pair = { primary, standby };
  await until('the standby streams', () => streams(pair));
  return pair;
}

/** Whether the standby follows. */
export async function streams({ primary }: Pair): Promise<boolean> {
  return (await primary.query('select state from pg_stat_replication')) === 'streaming';
}

async function start(
  servers: Servers,
  place: string,
  name: string,
  { data, files, port, crl }: { data: string; files: string; port: number; crl: boolean },
): Promise<PairMember> {
  const settings = {
    ssl: 'on',
    ssl_cert_file: join(files, 'cert.pem'),
    ssl_key_file: join(files, 'key.pem'),
    ssl_ca_file: join(files, 'ca.pem'),
    ...(crl ? { ssl_crl_file: join(files, 'crl.pem') } : {}),
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: place,
    wal_retrieve_retry_interval: '500ms',
  };
  const args = ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
  const [file, words] = asNobody(program('postgres'), args);
  const server = await servers.start({
    name,
    directory: join(servers.directory, `${name}-${port}`),
    file,
    args: words,
    ready: () => accepts(port),
  });
  const psql = [executable('psql') ?? 'psql', '-h', place, '-p', String(port), '-U', 'owner', '-d', 'postgres'];
  const query = async (sql: string): Promise<string> => {
    const [program = '', ...rest] = psql;
    const { code, stdout, stderr } = await run(program, [...rest, '-X', '-q', '-A', '-t', '-c', sql]);
    if (code !== 0) throw new Error(`${sql}: ${stderr}`);
    return stdout.trim();
  };
  await until(`${name} answers`, async () => (await query('select 1').catch(() => '')) === '1');
  return { port, files, data, pidFile: join(data, 'postmaster.pid'), server, psql, query };
}

/** PostgreSQL refuses to be root's. */
function asNobody(file: string, args: string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [file, args];
  // Who changes the user loses what Servers asked for: that it goes with the process of the test.
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--pdeathsig=KILL'];
  return [executable('setpriv') ?? 'setpriv', [...ids, file, ...args]];
}

async function as(cwd: string, name: string, ...args: string[]): Promise<void> {
  const [file, words] = asNobody(executable(name) ?? name, args);
  const { code, stderr } = await run(file, words, { cwd });
  if (code !== 0) throw new Error(`${name}: ${stderr}`);
}

/** A directory with a copy of these files, all of the user that the servers run as. */
export async function ownCopy(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true, mode: 0o755 });
  own(to);
  for (const name of ['key.pem', 'ca.pem', 'cert.pem']) {
    await cp(join(from, name), join(to, name));
    own(join(to, name));
  }
}
