import { parseAddress, serverNameOf } from '../endpoint/address.ts';
import { readFirstFlight } from '../endpoint/first-flight.ts';
import type { Host } from '../hosts/host.ts';
import { nameText } from '../inspection/certificate-object.ts';
import { toHex } from '../pki/encoding.ts';
import { decodePem } from '../pki/pem.ts';
import { type Certificate, parseCertificate } from '../pki/x509/certificate.ts';

/**
 * Whether a server has the trust bundle in use that is on its disk: to whoever connects, it names the CAs whose
 * certificates it takes. One that names none, or asks for no certificate, says nothing.
 * @returns what is wrong; undefined when nothing is, or nothing is said
 * @throws ERR_REMOTE, ERR_TIMEOUT
 */
export async function trustNotTaken(
  address: string,
  bundle: { host: Host; path: string },
  options: { starttls?: string; timeout: number },
): Promise<string | undefined> {
  const to = parseAddress(address);
  const flight = await readFirstFlight(to, {
    versions: ['TLSv1.3', 'TLSv1.2'],
    serverName: serverNameOf(to.host),
    ...options,
  });
  const named = flight.outcome === 'answered' ? (flight.certificateRequest?.authorities ?? []) : [];
  if (named.length === 0) return undefined;
  const content = await bundle.host.read(bundle.path);
  const onDisk = content === undefined ? [] : certificatesOf(content);
  const wanted = new Map(onDisk.map(({ subject }) => [toHex(subject), nameText(subject)]));
  if (wanted.size === 0) return undefined;
  const announced = new Set(named.map(toHex));
  const lacking = [...wanted].filter(([name]) => !announced.has(name)).map(([, text]) => text);
  if (lacking.length > 0) return `${address} does not trust ${lacking.join(', ')}, which ${bundle.path} has`;
  const more = named.filter((name) => !wanted.has(toHex(name))).map(nameText);
  if (more.length > 0) return `${address} still trusts ${more.join(', ')}, which ${bundle.path} has no more`;
  return undefined;
}

/** None of a file that is no bundle: there is nothing to compare with. */
function certificatesOf(pem: Uint8Array): Certificate[] {
  try {
    return decodePem(pem).flatMap(({ label, bytes }) => (label === 'CERTIFICATE' ? [parseCertificate(bytes)] : []));
  } catch {
    return [];
  }
}
