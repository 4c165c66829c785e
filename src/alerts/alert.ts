export type Severity = 'info' | 'warning' | 'critical';

/** Something that needs attention, or will. */
export interface Alert {
  /** Stable; Redis Enterprise's name where it has one. */
  name: string;
  severity: Severity;
  /** What it is about: `redis-1/data`, `client app`, an authority's id. */
  subject: string;
  message: string;
  /** The command that helps. */
  hint: string;
  /** RFC 3339: since when. */
  since: string;
  expiresAt?: string;
}

const ORDER: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };

/** The most severe first, then by subject. */
export function sortAlerts(alerts: readonly Alert[]): Alert[] {
  return alerts.toSorted(
    (a, b) => ORDER[a.severity] - ORDER[b.severity] || (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0),
  );
}

/** True when somebody has to do something. */
export function needsAttention(alerts: readonly Alert[]): boolean {
  return alerts.some(({ severity }) => severity !== 'info');
}

/** True when the first severity is above the second. */
export function worse(a: Severity, b: Severity): boolean {
  return ORDER[a] < ORDER[b];
}
