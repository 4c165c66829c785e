import { relativeTime } from '../ui/text/duration.ts';
import { keyValues, paragraph } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import type { TrustedObject } from './anchors.ts';

const LAYOUT = { indent: 2, labelWidth: 12 };

/** The anchors of the trust bundles, one block each. */
export function renderAnchors(anchors: readonly TrustedObject[], style: Style, now: Date): string[] {
  return anchors.flatMap((anchor) => {
    const { subject, fingerprint, notAfter, origin, authority, addedAt, status } = anchor;
    const end = Date.parse(notAfter);
    const ended = status === 'expired';
    return [
      ...paragraph(subject, style, 0, style.bold),
      ...keyValues(
        [
          { label: 'fingerprint', value: fingerprint },
          { label: 'origin', value: origin === 'cluster' ? (authority ?? 'the CA that is being replaced') : 'added' },
          { label: 'added', value: addedAt && relativeTime(Date.parse(addedAt), now.getTime()) },
          {
            label: ended ? 'ended' : 'ends',
            value: `${relativeTime(end, now.getTime())}${ended ? ': left out of the bundles' : ''}`,
            ...(ended ? { paint: style.bad } : {}),
          },
        ],
        style,
        LAYOUT,
      ),
    ];
  });
}
