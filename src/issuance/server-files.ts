import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';

/** One server's names for the three files. */
interface ServerFiles {
  /** `client`: what connects and is no node; `user`: who has a role at the daemon. */
  plane: 'data' | 'control' | 'client' | 'user';
  server: string;
  certificate: string;
  key: string;
  trustBundle: string;
}

const SETTINGS: readonly ServerFiles[] = [
  {
    plane: 'data',
    server: 'Redis',
    certificate: 'tls-cert-file',
    key: 'tls-key-file',
    trustBundle: 'tls-ca-cert-file',
  },
  { plane: 'data', server: 'etcd', certificate: '--cert-file', key: '--key-file', trustBundle: '--trusted-ca-file' },
  {
    plane: 'data',
    server: 'PostgreSQL',
    certificate: 'ssl_cert_file',
    key: 'ssl_key_file',
    trustBundle: 'ssl_ca_file',
  },
  {
    plane: 'control',
    server: 'etcd peer',
    certificate: '--peer-cert-file',
    key: '--peer-key-file',
    trustBundle: '--peer-trusted-ca-file',
  },
  { plane: 'client', server: 'redis-cli', certificate: '--cert', key: '--key', trustBundle: '--cacert' },
  { plane: 'client', server: 'etcdctl', certificate: '--cert', key: '--key', trustBundle: '--cacert' },
  { plane: 'client', server: 'libpq', certificate: 'sslcert', key: 'sslkey', trustBundle: 'sslrootcert' },
  { plane: 'user', server: 'curl', certificate: '--cert', key: '--key', trustBundle: '--cacert' },
];

/**
 * Which setting of a server takes which file, as a table; nothing for planes that no server is known for.
 * @param planes of what was made: names of planes, `client` and `user`
 */
export function serverFiles(planes: ReadonlySet<string>, style: Style): string[] {
  const rows = SETTINGS.filter(({ plane }) => planes.has(plane));
  if (rows.length === 0) return [];
  const shown = (row: ServerFiles): boolean => rows.find(({ plane }) => plane === row.plane) === row;
  return table(
    rows,
    [
      { header: '', cell: (row) => (shown(row) ? row.plane : '') },
      { header: '', cell: (row) => row.server, paint: style.accent },
      { header: 'cert.pem', cell: (row) => row.certificate },
      { header: 'key.pem', cell: (row) => row.key },
      { header: 'ca.pem', cell: (row) => row.trustBundle },
    ],
    style,
  );
}
