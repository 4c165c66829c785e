import { type Alert, sortAlerts } from '../../alerts/alert.ts';
import { driftAlert } from '../../alerts/drift.ts';
import { standing, transitions } from '../../alerts/lifecycle.ts';
import { recordTransitions } from '../../alerts/record.ts';
import { rotationAlert } from '../../alerts/rotations.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { status } from '../../status/status.ts';
import { agentAlerts } from '../agents/alerts.ts';
import type { Service } from '../service.ts';

/** How often the rules are asked, besides when the log has grown. */
const LOOK = 5_000;
/** They take at most this part of the time, however fast the log grows. */
const SHARE = 20;
/** How often a receiver that forgets is told what stands. */
const REMINDER = 10 * 60_000;

/** For so long a deployment may be under way, before what it has not done is told. */
const UNDER_WAY = 10 * 60_000;

/** What only the daemon knows. */
export type Seen = Pick<Service, 'failedRotations' | 'agents' | 'drift' | 'inventory' | 'sinks'>;

/**
 * What the rules say now: those of `status`, and what only the daemon knows: rotations that fail, what agents tell, and
 * what it has seen services serve.
 */
export async function alertsNow(keystore: Keystore, seen: Seen, now: Date): Promise<Alert[]> {
  const { alerts } = await status(keystore, now, { holders: [], inventory: seen.inventory.readable });
  // A run that is under way has told that it is to come, for the case that it is killed.
  const isUnderWay = ({ name, since }: Alert): boolean =>
    name === 'node_deployment_pending' && now.getTime() - Date.parse(since) < UNDER_WAY;
  return sortAlerts([
    ...alerts.filter((alert) => !isUnderWay(alert)),
    ...seen.sinks.alerts,
    ...seen.failedRotations().map((one) => rotationAlert(one, now.getTime())),
    ...(await agentAlerts(keystore, seen.agents)),
    ...seen.drift.findings.flatMap(({ finding, foundAt }) => driftAlert(finding, foundAt) ?? []),
  ]);
}

/** Raises, repeats and resolves alerts: in the log first, then told. */
export class Alerting {
  #seq = -1;
  #next = 0;
  #notBefore = 0;
  #remindAt = 0;

  /** Looks at the rules, and tells what has changed. */
  async look(service: Service, keystore: Keystore): Promise<void> {
    const { writer, ctx, journal, now } = service;
    const at = now().getTime();
    if (keystore.state.seq === this.#seq && at < this.#next) return;
    if (performance.now() < this.#notBefore) return;
    const began = performance.now();
    const dispatcher = service.sinks.current(keystore.state.cluster);
    const alerts = await alertsNow(keystore, service, now());
    this.#notBefore = performance.now() + SHARE * (performance.now() - began);
    this.#seq = keystore.state.seq;
    this.#next = at + LOOK;
    const { alerts: open = [] } = keystore.state;
    if (at >= this.#remindAt) {
      this.#remindAt = at + REMINDER;
      dispatcher?.remind(standing(open, alerts));
    }
    if (transitions(open, alerts, at).length === 0) return;
    const told = await writer.inTurn(ctx.globals.wait, () => recordTransitions(writer, newRequestId(), alerts, at));
    for (const { event, alert } of told) {
      const { name, subject, severity, message, hint } = alert;
      journal.say('alert', { change: event, name, subject, severity, message, hint });
    }
    dispatcher?.tell(told);
  }
}
