import type { Transition } from '../../../src/alerts/lifecycle.ts';
import type { Batch } from '../../../src/alerts/sinks/sink.ts';

export const NOW = Date.UTC(2026, 0, 2);
export const RAISED = Date.UTC(2026, 0, 1);

/** Something to tell. */
export function transition(
  event: Transition['event'] = 'raised',
  severity: Transition['alert']['severity'] = 'warning',
  subject = 'n1/data',
): Transition {
  return {
    event,
    raisedAt: RAISED,
    alert: {
      name: 'node_drift',
      severity,
      subject,
      message: 'redis 127.0.0.1:7001: it serves another certificate',
      hint: 'cluster-ca verify --inventory FILE n1',
      since: '2026-01-01T00:00:00Z',
    },
    ...(event === 'resolved' ? { because: 'over' as const } : {}),
  };
}

export function batch(...transitions: Transition[]): Batch {
  return { cluster: 'orders', at: NOW, transitions };
}

/** A signal that nothing aborts. */
export const patient = (): AbortSignal => new AbortController().signal;
