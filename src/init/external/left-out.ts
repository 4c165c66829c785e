import { DerError } from '../../pki/der/error.ts';
import { OID } from '../../pki/oids.ts';
import type { Certificate } from '../../pki/x509/certificate.ts';
import { findExtension } from '../../pki/x509/extension.ts';
import {
  type NameConstraints,
  parseBasicConstraints,
  parseExtKeyUsage,
  parseNameConstraints,
} from '../../pki/x509/extensions.ts';
import { formatGeneralName } from '../../pki/x509/general-name.ts';
import { formatIp } from '../../pki/x509/ip.ts';

/** What was asked for in a request and is not in the certificate, or otherwise: each in a sentence, what it means with it. */
export function leftOut(
  certificate: Certificate,
  asked: { constraints: NameConstraints; subject: Uint8Array; lifetime: number },
): string[] {
  const said: string[] = [];
  const { extensions, subject, notBefore, notAfter } = certificate;
  const value = (oid: string) => findExtension(extensions, oid)?.value;
  const basic = value(OID.basicConstraints);
  const pathLength = basic === undefined ? 0 : parseBasicConstraints(basic).pathLenConstraint;
  if (pathLength === undefined) said.push('no path length: this CA could make further CAs');
  else if (pathLength > 0) said.push(`a path length of ${pathLength}, not 0: this CA could make further CAs`);
  const purposes = value(OID.extKeyUsage);
  if (purposes !== undefined)
    said.push(
      `an extended key usage (${parseExtKeyUsage(purposes).join(', ')}): many verifiers hold certificates below it to that`,
    );
  if (Buffer.compare(subject, asked.subject) !== 0) said.push('another subject than was asked for');
  if (notAfter - notBefore < 1000 * asked.lifetime * 0.99)
    said.push(`a shorter life than --issuing-lifetime: it ends on ${new Date(notAfter).toISOString().slice(0, 10)}`);
  return [...said, ...namesLeftOut(certificate, asked.constraints)];
}

function namesLeftOut({ extensions }: Certificate, asked: NameConstraints): string[] {
  const found = findExtension(extensions, OID.nameConstraints);
  if (found === undefined) return ['no name constraints: who steals this CA makes certificates for any name'];
  const given = parseNameConstraints(found.value);
  const list = (subtrees: NameConstraints['permitted']): Set<string> =>
    new Set(subtrees.map(({ base }) => legible(base)));
  const without = (a: Set<string>, b: Set<string>): string[] => [...a].filter((name) => !b.has(name));
  const said: string[] = found.critical
    ? []
    : ['name constraints that are not critical: who does not know them ignores them'];
  const [permitted, excluded] = [list(given.permitted), list(given.excluded)];
  for (const name of without(list(asked.permitted), permitted))
    said.push(`${name} is not permitted: what lies in it is refused`);
  for (const name of without(permitted, list(asked.permitted))) said.push(`${name} is permitted besides`);
  for (const name of without(list(asked.excluded), excluded)) said.push(`${name} is not excluded`);
  for (const name of without(excluded, list(asked.excluded)))
    said.push(`${name} is excluded: what lies in it is refused`);
  return said;
}

/** A subtree's name; of a range of addresses as `IP:10.0.0.0/8`. */
function legible(base: NameConstraints['permitted'][number]['base']): string {
  if (base.type === 'ip') return `IP:${formatIp(base.value)}`;
  try {
    return formatGeneralName(base);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return base.type;
  }
}
