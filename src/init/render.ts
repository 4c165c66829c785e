import { keyValues } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import { formatDuration } from '../values/duration.ts';
import type { InitDocument } from './init.ts';

/** What was made, or would be: what can't be changed later first, and what to do next. */
export function renderInit(document: InitDocument, style: Style): string {
  const { cluster, policy, authorities, auditKey } = document;
  const made = auditKey !== undefined;
  const [root, issuing] = authorities;
  const ip = policy.permitIp.length === 0 ? 'no IP address' : policy.permitIp.join(' ');
  const fixed = [
    { label: 'cluster', value: cluster },
    { label: 'names permitted', value: `${policy.domains.join(' ')} localhost` },
    { label: 'addresses permitted', value: ip },
    { label: 'planes', value: policy.planes.join(' ') },
    { label: 'root CA', value: `${root?.subject} (${policy.keyType}, ${formatDuration(policy.rootLifetime)})` },
    {
      label: 'issuing CA',
      value: `${issuing?.subject} (${policy.keyType}, ${formatDuration(policy.issuingLifetime)})`,
    },
    {
      label: 'node certificates',
      value: `${policy.nodeKeyType}, ${formatDuration(policy.nodeLifetime)}, rotated when ${formatDuration(policy.rotateBefore)} are left`,
    },
  ];
  const lines = [
    style.bold(
      made
        ? `made the keystore of ${cluster} in ${document.keystore}`
        : `would make the keystore of ${cluster} in ${document.keystore}`,
    ),
    ...keyValues(fixed, style, { indent: 2 }),
  ];
  if (!made)
    return [
      ...lines,
      'None of this can be changed later in this keystore; names and ranges only by a new issuing CA.',
    ].join('\n');
  const prints = [
    { label: 'root fingerprint', value: undefined, ready: root?.fingerprint ?? '' },
    { label: 'audit key', value: undefined, ready: auditKey },
  ];
  return [
    ...lines,
    style.bold('write these down: an auditor compares them'),
    ...keyValues(prints, style, { indent: 2 }),
    `next: cluster-ca issue NODE --out DIR`,
  ].join('\n');
}
