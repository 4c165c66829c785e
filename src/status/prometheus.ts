import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import { isDestroyed, liveAuthorities, phaseOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { PHASES } from '../rollover/phase.ts';
import type { StatusDocument } from './status.ts';

type Labels = Record<string, string>;

/** Redis Enterprise's names for the internode certificates of its two planes; another plane's follows from its own. */
const LOGICAL_NAMES: Labels = { control: 'ccs_internode_encryption', data: 'data_internode_encryption' };

/** A piece of output that is worth a write. */
const PIECE = 65_536;

/**
 * The status in Prometheus' text exposition format 0.0.4, piece by piece. Times are seconds until something ends,
 * negative when it has ended: the alert rule is `node_cert_expires_in_seconds < 20 * 86400`.
 * @param current nodes' certificates first, then clients'
 */
export async function* prometheusText(
  keystore: Keystore,
  document: StatusDocument,
  current: AsyncIterable<IssuedCertificate>,
  now: Date,
): AsyncGenerator<string> {
  const { state } = keystore;
  const cluster = { cluster: state.cluster };
  const seconds = (end: number): number => Math.floor((end - now.getTime()) / 1000);
  let piece = '';
  let last: string | undefined;
  for await (const { kind, name, plane, notAfter } of current) {
    const metricName = kind === 'node' ? 'node_cert_expires_in_seconds' : 'client_cert_expires_in_seconds';
    if (metricName !== last) piece += heading(metricName, `Seconds until a ${kind}'s current certificate ends.`);
    last = metricName;
    const labels: Labels =
      kind === 'node'
        ? { ...cluster, logical_name: logicalName(plane), node: name, path: `${name}/${plane}/cert.pem` }
        : { ...cluster, client: name, path: `clients/${name}/cert.pem` };
    piece += sample(metricName, labels, seconds(notAfter + 1000));
    if (piece.length >= PIECE) {
      yield piece;
      piece = '';
    }
  }
  yield piece;
  yield metric(
    'cluster_ca_authority_expires_in_seconds',
    'Seconds until a CA ends.',
    liveAuthorities(state).map(({ id, role }) => [
      { ...cluster, authority: id, role },
      seconds(keystore.authorityCertificate(id).notAfter + 1000),
    ]),
  );
  yield metric(
    'cluster_ca_crl_expires_in_seconds',
    "Seconds until a CRL's nextUpdate.",
    state.crls
      .filter(({ authority }) => !isDestroyed(state, authority))
      .map(({ authority, nextUpdate }) => [{ ...cluster, authority }, seconds(Date.parse(nextUpdate))]),
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
  yield metric(
    'cluster_ca_rollover_phase',
    'The phase of the rollover of the CA: 1 for the one that it is in.',
    PHASES.map((phase) => [{ ...cluster, phase }, phase === phaseOf(state) ? 1 : 0]),
  );
  yield metric(
    'cluster_ca_rollover_blocking',
    'Nodes and clients that keep the rollover from its next step, by the last proofs.',
    [[cluster, document.rollover?.blocking.length ?? 0]],
  );
  if (state.rollover !== undefined)
    yield metric('cluster_ca_rollover_phase_start_timestamp_seconds', 'When the phase of the rollover began.', [
      [cluster, Math.floor(state.rollover.since / 1000)],
    ]);
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
  return heading(name, help) + samples.map(([labels, value]) => sample(name, labels, value)).join('');
}

function heading(name: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
}

function sample(name: string, labels: Labels, value: number): string {
  const list = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}{${list.join(',')}} ${value}\n`;
}

function escapeLabel(text: string): string {
  return text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n');
}

function logicalName(plane: string): string {
  return LOGICAL_NAMES[plane] ?? `${plane}_internode_encryption`;
}
