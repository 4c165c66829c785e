import * as z from 'zod';
import { ClusterCaError } from '../errors.ts';
import { safeText } from '../ui/text/safe.ts';
import { readConninfo, writeConninfo } from './postgres-conninfo.ts';
import { Psql } from './postgres-psql.ts';
import type { Dialing } from './target.ts';

/** What is wanted of the options of PostgreSQL. */
interface WithPsql {
  psql?: readonly string[] | undefined;
}

/** What of its primary_conninfo says whom it trusts, and what it shows. No password is among it. */
const TLS = new Set([
  'service',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'sslcert',
  'sslkey',
  'sslcertmode',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
]);
/** Of those, files. */
const FILES = new Set(['sslrootcert', 'sslcrl', 'sslcrldir', 'sslcert', 'sslkey']);
/** The system's own anchors, and no file. */
const SYSTEM = 'system';

/**
 * A standby's walreceiver cannot be led elsewhere without ending its stream. It reads the files of primary_conninfo anew
 * whenever it connects, by libpq; psql, by the same libpq with the same files on the same host, is made to connect to us.
 */
export const postgresDialing: Dialing<WithPsql> = {
  listener: ({ psql }) =>
    psql === undefined ? 'its inventory entry names no psql: reload: { psql: […] }' : { starttls: 'postgres' },
  async open({ options, host, service, port, name, timeout }) {
    const argv = options.psql ?? [];
    const conninfo = await primaryConninfo(new Psql(host, argv, service.label, timeout));
    const all = readConninfo(conninfo);
    if (all === undefined) throw cannot('its primary_conninfo is not understood');
    const tls = new Map([...all].filter(([key]) => TLS.has(key)));
    for (const [key, value] of tls)
      if (FILES.has(key) && value !== SYSTEM && !value.startsWith('/'))
        throw cannot(`its primary_conninfo has ${key} by a path that is not absolute`);
    const target = writeConninfo(
      new Map([
        ...tls,
        ['host', name],
        ['hostaddr', '127.0.0.1'],
        ['port', String(port)],
        ['user', 'cluster_ca_probe'],
        ['dbname', 'postgres'],
        ['connect_timeout', String(Math.ceil(timeout / 1000))],
      ]),
    );
    return {
      how: 'psql on its host, with the files that its primary_conninfo names, to an end of ours',
      async dial() {
        const { stderr } = await host.run([...argv, '-X', '-w', '-d', target, '-c', 'select 1'], { timeout });
        const line = stderr.split('\n').find((one) => one.trim() !== '') ?? '';
        return { hasTried: true, said: safeText(line.replace(/^psql: (error: )?/, '').slice(0, 200)) };
      },
      close: async () => {},
    };
  },
};

/** @throws ERR_REMOTE where there is none, or it may not be seen */
async function primaryConninfo(psql: Psql): Promise<string> {
  const [row] = await psql.rows(
    `select setting from pg_settings where name = 'primary_conninfo'`,
    z.object({ setting: z.string() }),
  );
  if (row === undefined)
    throw cannot('psql may not see its primary_conninfo: it takes a superuser, or pg_read_all_settings');
  if (row.setting.trim() === '') throw cannot('it has no primary_conninfo: it connects to nobody');
  return row.setting;
}

function cannot(why: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', why, { hint: 'docs/servers/postgres.md says what it takes' });
}
