import { reportedDriftAlert, reportedServiceAlert, silentAgentAlert } from '../../alerts/agents.ts';
import type { Alert } from '../../alerts/alert.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { OpenAlert } from '../../keystore/log/alerts.ts';
import { formatTime } from '../../values/time.ts';
import type { Agents } from './agents.ts';

/** Alerts that rest on what agents say. */
const THEIRS = ['node_pending', 'node_drift', 'node_deployment_pending', 'node_deployment_failed'];

/** What the agents have told, and that some say nothing. */
export async function agentAlerts(keystore: Keystore, agents: Agents): Promise<Alert[]> {
  const { agents: nodes = [], alerts: open = [] } = keystore.state;
  const alerts: Alert[] = [];
  for (const node of nodes) {
    const since = agents.silentSince(node);
    if (since !== undefined && !(await isRetired(keystore, node))) alerts.push(silentAgentAlert(node, since));
    // What was told of it stands until it is heard of: a restart of the daemon has mended nothing.
    if (!agents.isHeard(node)) alerts.push(...kept(open, node, since !== undefined));
  }
  for (const [node, { report, findings, at }] of agents.all()) {
    // One that is gone has no agent in the log any more.
    if (!nodes.includes(node)) continue;
    const since = (key: string): number => agents.openSince(node, key) ?? at;
    for (const { plane, kind, address, dir, state, error } of report.services) {
      if (state !== 'pending' && state !== 'failed') continue;
      const service = `${kind} ${address ?? dir}`;
      alerts.push(reportedServiceAlert({ node, plane, service, state, why: error?.message }, since(service)));
    }
    for (const finding of findings) {
      const alert = reportedDriftAlert(finding, since(`${finding.code} ${finding.service}`));
      if (alert !== undefined) alerts.push(alert);
    }
  }
  return alerts;
}

function kept(open: readonly OpenAlert[], node: string, isSilent: boolean): Alert[] {
  return open.flatMap(({ name, subject, severity, since }): Alert[] => {
    const isOf = subject === node || subject.startsWith(`${node}/`) || subject.startsWith(`${node} `);
    if (!THEIRS.includes(name) || !isOf || (isSilent && name === 'node_pending')) return [];
    const message = 'as it was told before the daemon started: its agent was not heard of since';
    return [{ name, subject, severity, message, hint: 'cluster-ca status', since: formatTime(since) }];
  });
}

/** Nothing of it is in force any more: nobody waits for it. */
async function isRetired(keystore: Keystore, node: string): Promise<boolean> {
  return keystore.query(async (index) => {
    const current = (await index.ofName('node', node)).filter(({ superseded }) => !superseded);
    return current.every(({ revoked }) => revoked !== undefined);
  });
}
