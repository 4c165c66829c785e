import { isIP } from 'node:net';
import { sha256 } from '../crypto/hash.ts';
import { parseAddress } from '../endpoint/address.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import { describeExtensions } from '../inspection/extension-details.ts';
import { identityOf } from '../inspection/identity.ts';
import { toHex } from '../pki/encoding.ts';
import { FINDINGS, type Finding } from './codes.ts';
import { crlFindings, trustFindings } from './compare-trust.ts';
import type { ClusterFacts, ServiceFacts, UsedCertificate } from './facts.ts';
import type { Report } from './report.ts';

/** Everything that is not as it should be with one service. Pure: the facts decide. */
export function compareService(facts: ServiceFacts, cluster: ClusterFacts): Finding[] {
  const { service, issued } = facts;
  const findings: Finding[] = [];
  const report: Report = (code, message, hint = FINDINGS[code].hint) => {
    findings.push({
      node: service.holder.name,
      service: service.label,
      ...(service.plane === '' ? {} : { plane: service.plane }),
      code,
      severity: FINDINGS[code].severity,
      message,
      hint,
      where: service.where,
    });
  };
  const who = `${service.holder.name}${service.plane === '' ? '' : `/${service.plane}`}`;
  if (issued === undefined && !cluster.restsOnOthers) report('not-issued', `no certificate was issued to ${who}`);
  diskFindings(facts, report);
  servedFindings(facts, report);
  const used = distinct(facts);
  for (const [where, certificate] of used) certificateFindings(facts, certificate, where, report);
  trustFindings(facts, cluster, report);
  crlFindings(facts, cluster, report);
  exposureFindings(facts, report);
  return findings;
}

/** The certificates in use, each once, by where: served, on disk. */
function distinct({ onDisk, inUse }: ServiceFacts): [where: string, UsedCertificate][] {
  if (inUse === undefined) return onDisk === undefined ? [] : [['on disk', onDisk]];
  if (onDisk === undefined || onDisk.fingerprint === inUse.fingerprint) return [['served', inUse]];
  return [
    ['served', inUse],
    ['on disk', onDisk],
  ];
}

function diskFindings({ service, disk, issued, onDisk }: ServiceFacts, report: Report): void {
  if (disk.unseen !== undefined) {
    report('not-seen', `its files: ${disk.unseen}`);
    return;
  }
  if (disk.missing.length > 0) report('disk-missing', `not there: ${disk.missing.join(', ')} (${service.dir})`);
  for (const { file, problem } of disk.broken) report('disk-unreadable', `${service.dir}/${file}: ${problem}`);
  for (const file of disk.forbidden) report('not-seen', `${service.dir}/${file}: permission denied`);
  if (onDisk === undefined) return;
  if (disk.keyOf !== undefined && disk.keyOf !== toHex(onDisk.certificate.publicKey.der))
    report('key-mismatch', `${service.dir}/key.pem does not belong to the certificate beside it`);
  if (issued !== undefined && issued.fingerprint !== onDisk.fingerprint)
    report('disk-differs', `on disk is ${describe(onDisk)}, issued last was serial ${serialOf(issued)}`);
}

function servedFindings({ service, served, onDisk, issued, inUse }: ServiceFacts, report: Report): void {
  if (served === undefined) return;
  if (served.notTls === true) report('plaintext-open', `${service.address} does not speak TLS`);
  else if (served.unreachable !== undefined && served.plaintext.length === 0) report('unreachable', served.unreachable);
  for (const unseen of served.unseen) report('not-seen', unseen);
  if (inUse === undefined) return;
  const inMemory = `${service.address} serves ${describe(inUse)}`;
  if (onDisk !== undefined && onDisk.fingerprint !== inUse.fingerprint)
    report('stale-process', `${inMemory}, its files have serial ${serialOf(onDisk)}`);
  else if (onDisk === undefined && issued !== undefined && issued.fingerprint !== inUse.fingerprint)
    report('served-differs', `${inMemory}, issued last was serial ${serialOf(issued)}`);
  const { chain = [] } = served.seen ?? {};
  const sent = chain.length;
  if (sent === 1 && inUse.row !== undefined)
    report('incomplete-chain', `${service.address} sends its certificate alone`);
}

/** What is wrong with one certificate that is in use. */
function certificateFindings(
  { service, wanted }: ServiceFacts,
  used: UsedCertificate,
  where: string,
  report: Report,
): void {
  const { subjectAltNames } = certificateFields(used.certificate, (data) => sha256(data));
  const { details } = describeExtensions(used.certificate.extensions);
  const text = `the certificate ${where} (serial ${serialOf(used)})`;
  const { node, plane } = identityOf(subjectAltNames, details.extendedKeyUsage);
  if (node !== undefined && node !== service.holder.name)
    report('wrong-node', `${text} is of ${node}, not of ${service.holder.name}`);
  else if (plane !== undefined && service.plane !== '' && plane !== service.plane)
    report('wrong-plane', `${text} is of plane ${plane}, not of ${service.plane}`);
  const lacking = missingNames(service.address, wanted, subjectAltNames);
  if (lacking.length > 0) report('missing-san', `${text} lacks ${lacking.join(', ')}`);
  const purposes = details.extendedKeyUsage ?? [];
  const needed = neededPurposes(wanted?.profile, service.address !== undefined);
  const absent = needed.filter((purpose) => purposes.length > 0 && !purposes.includes(purpose));
  if (absent.length > 0) report('missing-eku', `${text} lacks ${absent.join(' and ')}`);
  for (const { code, message, rule } of used.failures) {
    const own = code === 'expired' || code === 'revoked' || code === 'not-yet-valid' ? code : 'not-valid';
    report(own, `${text}: ${message} (${own === 'not-valid' ? `${code}, ` : ''}${rule})`);
  }
}

function missingNames(address: string | undefined, wanted: ServiceFacts['wanted'], names: readonly string[]): string[] {
  const lacking = [
    ...(wanted?.dns ?? []).filter((name) => !names.includes(`DNS:${name}`)).map((name) => `DNS:${name}`),
    ...(wanted?.ip ?? []).filter((ip) => !hasAddress(names, ip)).map((ip) => `IP:${ip}`),
  ];
  const host = address === undefined ? undefined : parseAddress(address).host;
  if (host === undefined) return lacking;
  const served = isIP(host) === 0 ? `DNS:${host}` : `IP:${host}`;
  const has = isIP(host) === 0 ? names.some((name) => matchesDns(name, host)) : hasAddress(names, host);
  return has || lacking.includes(served) ? lacking : [...lacking, `${served} (its address)`];
}

function matchesDns(name: string, host: string): boolean {
  if (!name.startsWith('DNS:')) return false;
  const pattern = name.slice(4).toLowerCase();
  const wild = pattern.startsWith('*.') && host.toLowerCase().split('.').slice(1).join('.') === pattern.slice(2);
  return wild || pattern === host.toLowerCase();
}

/** IP addresses are compared by what they mean: IPv6 has many forms. */
function hasAddress(names: readonly string[], address: string): boolean {
  const canonical = (text: string): string => (isIP(text) === 6 ? new URL(`http://[${text}]`).hostname : text);
  return names.some((name) => name.startsWith('IP:') && canonical(name.slice(3)) === canonical(address));
}

function neededPurposes(profile: string | undefined, listens: boolean): string[] {
  if (profile === 'client') return ['clientAuth'];
  if (profile === 'server') return ['serverAuth'];
  return listens || profile === 'peer' ? ['serverAuth', 'clientAuth'] : [];
}

function exposureFindings({ service, served }: ServiceFacts, report: Report): void {
  if (served === undefined) return;
  for (const { address, answer } of served.plaintext)
    report('plaintext-open', `${address} answers without TLS: ${answer}`);
  const { seen } = served;
  if (seen === undefined) return;
  const weak = seen.versions?.filter((version) => version === 'TLSv1' || version === 'TLSv1.1') ?? [];
  if (weak.length > 0) report('weak-protocol', `${service.address} accepts ${weak.toReversed().join(' and ')}`);
  if (!served.demanded && service.verifyClient !== 'none')
    report(
      'client-certificate-not-demanded',
      seen.clientCertificate === 'requested'
        ? `${service.address} asks for a client certificate, but lets in who has none`
        : `${service.address} asks for no client certificate`,
    );
  if (seen.identified?.outcome === 'refused')
    report('client-refused', `${service.address} refuses it: ${seen.identified.alert}: ${seen.identified.reason}`);
}

function describe(used: UsedCertificate): string {
  const serial = `serial ${serialOf(used)}`;
  if (used.row === undefined) return `${serial}, which this keystore has not issued`;
  const { name, plane, superseded, revoked } = used.row;
  const state = revoked !== undefined ? ', revoked' : superseded ? ', superseded' : '';
  return `${serial} (${name}${plane === '' ? '' : `/${plane}`}${state})`;
}

function serialOf({ certificate }: UsedCertificate): string {
  return toHex(certificate.serialNumber);
}
