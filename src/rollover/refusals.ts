import type { LogState } from '../keystore/log/state.ts';
import { relativeTime } from '../ui/text/duration.ts';
import type { Style } from '../ui/text/style.ts';
import { table } from '../ui/text/table.ts';
import { formatTime } from '../values/time.ts';

/** How a service was shown to refuse the old CA's certificates, those of who was left out among them. */
export interface Refusal {
  node: string;
  service: string;
  role: 'accept' | 'connect';
  provenBy?: string | undefined;
  provenAt: string;
}

/** The last proofs: who refuses the old CA, in which role, and how that is known. */
export function refusals({ rollover }: LogState): Refusal[] {
  return (rollover?.evidence ?? []).flatMap(({ name, service, role, trustsOld, provenBy, at }) =>
    trustsOld === false ? [{ node: name, service, role, provenBy, provenAt: formatTime(at) }] : [],
  );
}

/** `5 services, in 10 roles, refuse every certificate of the old CA` */
export function refusing(refused: readonly Refusal[]): string {
  const services = new Set(refused.map(({ node, service }) => `${node} ${service}`));
  return `${services.size} services, in ${refused.length} roles, refuse every certificate of the old CA`;
}

/** Each of them, and when it was seen to. */
export function refusalTable(refused: readonly Refusal[], style: Style, now: Date): string[] {
  return table(
    refused,
    [
      { header: 'NODE', cell: ({ node }) => node, min: 6, paint: style.accent },
      { header: 'SERVICE', cell: ({ service }) => service || '-', min: 21 },
      { header: 'ROLE', cell: ({ role }) => role },
      { header: 'KNOWN BY', cell: ({ provenBy }) => provenBy ?? '-' },
      {
        header: 'SEEN',
        cell: ({ provenAt }) => `${provenAt} (${relativeTime(Date.parse(provenAt), now.getTime())})`,
        priority: 1,
      },
    ],
    style,
  );
}
