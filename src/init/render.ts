import type { AuthorityObject } from '../authority/authority-object.ts';
import { keyValues, paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { formatDuration } from '../values/duration.ts';
import type { InitDocument } from './init.ts';
import type { ToleratedOutage } from './outage.ts';

/** How the blocks of a plan are laid out: their labels in one column. */
export const LAYOUT = { indent: 2, labelWidth: 19 };

/**
 * What was made, or would be: what can't be changed later first, and what to do next.
 * @param flags what the next command needs to find the keystore and to open it
 */
export function renderInit(document: InitDocument, style: Style, flags = ''): string {
  const { auditKey, authorities } = document;
  const made = auditKey !== undefined;
  const verb = made ? 'made' : 'would make';
  const lines = [
    ...paragraph(`${verb} the keystore of ${document.cluster} in ${document.keystore}`, style, 0, style.bold),
    ...policyLines(document, style),
  ];
  if (!made) return lines.join('\n');
  const prints = [
    { label: 'root fingerprint', value: undefined, ready: authorities[0]?.fingerprint ?? '' },
    { label: 'audit key', value: undefined, ready: auditKey },
  ];
  return [
    ...lines,
    style.bold('write these down: an auditor compares them'),
    ...keyValues(prints, style, LAYOUT),
    'next: issue to a node, or to all that cluster.yaml describes',
    `  ${style.accent(`cluster-ca issue NODE --out DIR${safeText(flags, style)}`)}`,
    `  ${style.accent(`cluster-ca issue --inventory cluster.yaml --out DIR${safeText(flags, style)}`)}`,
  ].join('\n');
}

/** What a keystore will permit and make, by whether it can be changed once it is there. */
export function policyLines(
  { cluster, policy, authorities, external, caOutage }: InitDocument,
  style: Style,
): string[] {
  const [root] = authorities;
  const issuing = authorities.find(({ role }) => role === 'issuing');
  const between = authorities.flatMap(({ role, subject }) => (role === 'intermediate' ? (subject ?? []) : []));
  // What there is says itself how long it lives: another PKI gives what it wants to.
  const ca = ({ subject, keyType, notAfter }: Partial<AuthorityObject> = {}, lifetime: number): string =>
    `${subject} (${keyType}, ${external && notAfter !== undefined ? `until ${notAfter.slice(0, 10)}` : formatDuration(lifetime)})`;
  const ip = policy.permitIp.length === 0 ? 'no IP address' : policy.permitIp.join(' ');
  return [
    style.accent('cannot be changed later'),
    ...keyValues(
      [
        { label: 'cluster', value: cluster },
        { label: 'trust domain', value: policy.domains[0] },
        { label: 'planes', value: policy.planes.join(' ') },
        { label: 'root CA', value: ca(root, policy.rootLifetime) },
        { label: 'intermediate CA', value: between.length === 0 ? undefined : between },
        { label: 'issuing CA', value: ca(issuing, policy.issuingLifetime) },
        {
          label: 'rotation',
          value: `when ${formatDuration(policy.rotateBefore)} are left; an alert when ${formatDuration(policy.alertBefore)} are`,
        },
        { label: 'CRL published at', value: policy.crlUrl },
      ],
      style,
      LAYOUT,
    ),
    style.accent('can be changed only by a new issuing CA'),
    ...keyValues(
      [
        { label: 'names permitted', value: `${policy.domains.join(' ')} localhost` },
        { label: 'addresses permitted', value: ip },
      ],
      style,
      LAYOUT,
    ),
    style.accent('defaults: a command can say otherwise'),
    ...keyValues(
      [
        {
          label: 'node certificates',
          value: `${policy.nodeKeyType}, valid for ${formatDuration(policy.nodeLifetime)}`,
        },
        { label: 'CRLs', value: `valid for ${formatDuration(policy.crlLifetime)}` },
      ],
      style,
      LAYOUT,
    ),
    ...outageLines(caOutage, style),
  ];
}

function outageLines(outage: ToleratedOutage | undefined, style: Style): string[] {
  if (outage === undefined) return [];
  const { asked, tolerated, why } = outage;
  return [
    style.accent('without the CA'),
    ...keyValues(
      [
        { label: 'outage tolerated', value: `${formatDuration(tolerated)} (asked for: ${formatDuration(asked)})` },
        { label: 'because', value: why },
      ],
      style,
      LAYOUT,
    ),
  ];
}
