import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { StatusDocument } from './status.ts';

type Labels = Record<string, string>;

/** Redis Enterprise's names for the internode certificates of its two planes; another plane's follows from its own. */
const LOGICAL_NAMES: Labels = { control: 'ccs_internode_encryption', data: 'data_internode_encryption' };

/**
 * The status in Prometheus' text exposition format 0.0.4, a piece for each metric. Times are seconds until something
 * ends, negative when it has ended: the alert rule is `node_cert_expires_in_seconds < 20 * 86400`.
 */
export async function* prometheusText(
  keystore: Keystore,
  document: StatusDocument,
  current: readonly IssuedCertificate[],
  now: Date,
): AsyncGenerator<string> {
  const { state } = keystore;
  const cluster = { cluster: state.cluster };
  const seconds = (end: number): number => Math.floor((end - now.getTime()) / 1000);
  const nodes = current.filter(({ kind }) => kind === 'node');
  yield metric(
    'node_cert_expires_in_seconds',
    "Seconds until a node's current certificate ends.",
    nodes.map(({ name, plane, notAfter }) => [
      { ...cluster, logical_name: logicalName(plane), node: name, path: `${name}/${plane}/cert.pem` },
      seconds(notAfter + 1000),
    ]),
  );
  yield metric(
    'client_cert_expires_in_seconds',
    "Seconds until a client's current certificate ends.",
    current
      .filter(({ kind }) => kind === 'client')
      .map(({ name, notAfter }) => [
        { ...cluster, client: name, path: `clients/${name}/cert.pem` },
        seconds(notAfter + 1000),
      ]),
  );
  yield metric(
    'cluster_ca_authority_expires_in_seconds',
    'Seconds until a CA ends.',
    state.authorities.map(({ id, role }) => [
      { ...cluster, authority: id, role },
      seconds(keystore.authorityCertificate(id).notAfter + 1000),
    ]),
  );
  yield metric(
    'cluster_ca_crl_expires_in_seconds',
    "Seconds until a CRL's nextUpdate.",
    state.crls.map(({ authority, nextUpdate }) => [{ ...cluster, authority }, seconds(Date.parse(nextUpdate))]),
  );
  yield metric(
    'cluster_ca_certificates',
    'Certificates by status; due ones are valid too.',
    Object.entries(document.certificates).map(([status, count]) => [{ ...cluster, status }, count]),
  );
  yield metric(
    'cluster_ca_alerts',
    'Alerts by name and severity; severity warning and above needs attention.',
    countAlerts(document).map(([labels, count]) => [{ ...cluster, ...labels }, count]),
  );
  yield metric('cluster_ca_attention', '1 when something needs attention.', [[cluster, document.attention ? 1 : 0]]);
  yield metric('cluster_ca_log_last_record', 'The number of the last record of the log.', [[cluster, state.seq]]);
  if (state.backup !== undefined)
    yield metric('cluster_ca_last_backup_timestamp_seconds', 'When the last backup was made.', [
      [cluster, Math.floor(state.backup.time / 1000)],
    ]);
}

function countAlerts({ alerts }: StatusDocument): [Labels, number][] {
  const counts = new Map<string, [Labels, number]>();
  for (const { name, severity } of alerts) {
    const entry = counts.get(`${name} ${severity}`) ?? [{ name, severity }, 0];
    counts.set(`${name} ${severity}`, [entry[0], entry[1] + 1]);
  }
  return [...counts.values()];
}

/** One gauge with its HELP and TYPE; nothing for a gauge without samples. */
function metric(name: string, help: string, samples: [Labels, number][]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => {
    const list = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}{${list.join(',')}} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}

function escapeLabel(text: string): string {
  return text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n');
}

function logicalName(plane: string): string {
  return LOGICAL_NAMES[plane] ?? `${plane}_internode_encryption`;
}
