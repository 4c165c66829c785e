import { nameText } from '../inspection/certificate-object.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { toHex } from '../pki/encoding.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { Crl } from '../pki/x509/crl.ts';
import type { ClusterFacts, ServiceFacts } from './facts.ts';
import type { Report } from './report.ts';

/** Kinds of services that read crl.pem; the others have no use for one. */
const READS_CRLS = new Set(['postgres', 'haproxy', 'nginx', 'etcd']);

/** The trust bundle on disk: whom the service will let in. */
export function trustFindings(
  { service, disk }: ServiceFacts,
  { now, roots, bundle, issuing }: ClusterFacts,
  report: Report,
): void {
  if (disk.anchors.length === 0) return;
  const file = `${service.dir}/ca.pem`;
  for (const anchor of disk.anchors) {
    if (anchor.notAfter + 1000 <= now.getTime())
      report('bundle-expired-ca', `${file} has ${nameText(anchor.subject)}, which has expired`);
    else if (![...roots, ...bundle, ...issuing].some((own) => equalBytes(own.publicKey.der, anchor.publicKey.der)))
      report('bundle-foreign-ca', `${file} has ${nameText(anchor.subject)}`);
  }
  for (const root of bundle.filter(({ notAfter }) => notAfter > now.getTime()))
    if (!disk.anchors.some((anchor) => equalBytes(anchor.publicKey.der, root.publicKey.der)))
      report('bundle-lacks-root', `${file} lacks ${nameText(root.subject)}`);
}

/** The CRLs on disk: one for every level (etcd: of the issuing CA alone), current, and with all that is revoked. */
export function crlFindings({ service, disk }: ServiceFacts, cluster: ClusterFacts, report: Report): void {
  if (disk.crls === undefined || disk.unseen !== undefined) return;
  const file = `${service.dir}/crl.pem`;
  if (!READS_CRLS.has(service.kind)) return;
  for (const ca of levels(service.kind, cluster, disk.anchors)) {
    const own = disk.crls.filter(({ issuer }) => equalBytes(issuer, ca.subject));
    const latest = own.toSorted((a, b) => b.thisUpdate - a.thisUpdate)[0];
    if (latest === undefined) {
      report('crl-missing', `${file} has no CRL of ${nameText(ca.subject)}`);
      continue;
    }
    if (latest.nextUpdate !== undefined && latest.nextUpdate < cluster.now.getTime())
      report('crl-expired', `${file}: the CRL of ${nameText(ca.subject)} is past its nextUpdate`);
    const behind = lacking(
      latest,
      cluster.crls.find(({ issuer }) => equalBytes(issuer, ca.subject)),
    );
    if (behind > 0)
      report('crl-outdated', `${file}: the CRL of ${nameText(ca.subject)} lacks ${behind} revoked certificates`);
  }
}

/** The CAs whose CRLs a server needs: those of the chains that it lets in. */
function levels(kind: string, { roots, issuing }: ClusterFacts, anchors: readonly Certificate[]): Certificate[] {
  if (kind === 'etcd') return issuing.slice(-1);
  const trusted = roots.filter((root) =>
    anchors.some(({ publicKey }) => equalBytes(publicKey.der, root.publicKey.der)),
  );
  const below = issuing.filter(({ issuer }) => trusted.some(({ subject }) => equalBytes(subject, issuer)));
  return [...below, ...trusted];
}

/** How many serials the keystore's CRL has that this one has not. */
function lacking(crl: Crl, current: Crl | undefined): number {
  if (current === undefined || equalBytes(crl.der, current.der)) return 0;
  const there = new Set([...crl.entries()].map(({ serialNumber }) => toHex(serialNumber)));
  return [...current.entries()].filter(({ serialNumber }) => !there.has(toHex(serialNumber))).length;
}
