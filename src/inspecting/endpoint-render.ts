import { heading } from '../inspection/text/certificate.ts';
import { problemLines } from '../inspection/text/problems.ts';
import { renderInspection } from '../inspection/text/render.ts';
import { type Entry, keyValues, paragraph } from '../ui/text/lines.ts';
import type { Style } from '../ui/text/style.ts';
import type { EndpointDocument, HandshakeObject } from './endpoint-document.ts';

const LABELS = 12;
const MOST_AUTHORITIES = 20;

const DEMANDS = {
  required: 'demanded: a handshake without one is refused',
  requested: 'asked for, but a handshake without one is not refused',
  'not-requested': 'not asked for',
} as const;

/** A server: how it speaks, whom it lets in, whether what it serves is valid; then the chain as served. */
export function renderEndpoint(document: EndpointDocument, style: Style, now: Date): string {
  return [
    heading(document.address, style),
    ...problemLines([...document.problems, ...(document.ocsp?.problems ?? [])], style, 2),
    ...keyValues(entries(document, style), style, { indent: 2, labelWidth: LABELS }),
    ...verificationLines(document, style),
    '',
    renderInspection(document.served, style, now),
  ].join('\n');
}

function entries(document: EndpointDocument, style: Style): Entry[] {
  const { authorities, clientCertificate, handshakes, ocsp, versions } = document;
  const more = authorities.length - MOST_AUTHORITIES;
  return [
    { label: 'protocol', value: `${document.protocol}, ${document.cipher}` },
    { label: 'accepts', value: versions.join(', ') },
    { label: 'asked for', value: document.serverName },
    { label: 'starttls', value: document.starttls },
    {
      label: 'client cert',
      value: DEMANDS[clientCertificate],
      paint: clientCertificate === 'required' ? style.good : style.warn,
    },
    {
      label: 'accepts CAs',
      value:
        clientCertificate === 'not-requested'
          ? undefined
          : authorities.length === 0
            ? 'it names none'
            : [...authorities.slice(0, MOST_AUTHORITIES), ...(more > 0 ? [`and ${more} more`] : [])],
    },
    { label: 'without one', value: handshakeText(handshakes.withoutCertificate) },
    {
      label: 'with ours',
      value: handshakes.withCertificate && handshakeText(handshakes.withCertificate),
      paint: handshakes.withCertificate?.outcome === 'refused' ? style.bad : style.good,
    },
    {
      label: 'OCSP staple',
      value:
        ocsp === undefined
          ? 'none'
          : [
              `${ocsp.certificateStatus ?? ocsp.responseStatus}, signature ${ocsp.signature ?? 'not-checked'}`,
              ...(ocsp.thisUpdate === undefined
                ? []
                : [`from ${ocsp.thisUpdate} until ${ocsp.nextUpdate ?? 'replaced'}`]),
            ],
    },
  ];
}

function handshakeText({ outcome, alert, reason }: HandshakeObject): string {
  return outcome === 'accepted' ? 'let in' : `refused: ${alert}: ${reason}`;
}

function verificationLines({ verification }: EndpointDocument, style: Style): string[] {
  if (verification === undefined) return [];
  const { valid, names, purpose, failures, notes } = verification;
  const scope = `for ${names.join(', ')} as a ${purpose}`;
  return [
    `  ${valid ? style.good('valid') : style.bad('invalid')} ${scope}`,
    ...failures.flatMap(({ code, message, rule, hint }) => [
      ...paragraph(`${code}: ${message} (${rule})`, style, 4, style.bad),
      ...paragraph(`hint: ${hint}`, style, 4, style.accent),
    ]),
    ...notes.flatMap((note) => paragraph(`note: ${note}`, style, 4, style.dim)),
  ];
}
