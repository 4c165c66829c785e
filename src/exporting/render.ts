import { crlTakers } from '../revocation/render.ts';
import { paragraph } from '../ui/text/lines.ts';
import { safeText } from '../ui/text/safe.ts';
import type { Style } from '../ui/text/style.ts';
import { type ExportOptions, holdsKey } from './options.ts';

/** What was written, and what takes it. */
export function renderExport(path: string, options: ExportOptions, style: Style): string {
  const written = `wrote ${safeText(path, style)}${holdsKey(options) ? ': it holds the private key' : ''}`;
  if (options.format === 'crl') return [written, ...crlTakers(style, false)].join('\n');
  return [written, ...paragraph(`next: ${taker(path, options)}`, style)].join('\n');
}

function taker(path: string, { format, from }: ExportOptions): string {
  switch (format) {
    case 'p12':
      return `Java takes it as javax.net.ssl.keyStore and, for its trust anchors, as javax.net.ssl.trustStore; openssl pkcs12 -in ${path} -info -noout shows it`;
    case 'k8s-secret':
      return `kubectl apply -f ${path}, then remove the file`;
    case 'bundle':
      return 'give it to every client and server as its trust anchors (ca.pem)';
    default:
      return from === undefined
        ? 'servers send it as their certificate (cert.pem)'
        : 'servers that want one file take it: crt of HAProxy, certificateKeyFile of MongoDB';
  }
}
