import type { Report } from '../../agent/protocol.ts';
import type { Finding } from '../../drift/codes.ts';

/** What an agent has told, and what the daemon makes of it. */
export interface Told {
  report: Report;
  /** Milliseconds since 1970. */
  at: number;
  /** What is not as it should be, by what the log said when it was told. */
  findings: Finding[];
}

/** What is not as it should be: services by their label, findings by code and label. */
export function openOf({ report, findings }: Told): string[] {
  return [
    ...report.services
      .filter(({ state }) => state === 'pending' || state === 'failed')
      .map(({ kind, address, dir }) => `${kind} ${address ?? dir}`),
    ...findings.map(({ code, service }) => `${code} ${service}`),
  ];
}
