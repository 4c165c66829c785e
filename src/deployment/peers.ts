import type { Host } from '../hosts/host.ts';
import { decodePem } from '../pki/pem.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Problem } from '../targets/target.ts';
import type { Judge } from './judge.ts';
import type { Material } from './material.ts';
import { ServiceDirectory } from './service-directory.ts';
import type { Unit } from './unit.ts';

/** What another service trusts and shows, by the files in its directory. */
export interface Peer {
  name: string;
  ssh: string | undefined;
  dir: string;
  plane: string;
  /** DER; undefined when it has no trust bundle that can be read. */
  anchors: Uint8Array[] | undefined;
  /** DER, end-entity certificate first; undefined when it has none, or one that has ended. */
  chain: Uint8Array[] | undefined;
}

/** Reads what the services of a directory trust and show. A host that cannot be reached is not known: undefined. */
export async function readPeer(host: Host, unit: Unit, now: Date): Promise<Peer | undefined> {
  const directory = new ServiceDirectory(host, unit.dir);
  try {
    const chain = certificates(await directory.read('cert.pem'));
    const [first] = chain ?? [];
    const ended = first !== undefined && parseCertificate(first).notAfter + 1000 <= now.getTime();
    return {
      name: unit.holder.name,
      ssh: unit.ssh,
      dir: unit.dir,
      plane: unit.plane,
      anchors: certificates(await directory.read('ca.pem')),
      chain: ended ? undefined : chain,
    };
  } catch {
    return undefined;
  }
}

/**
 * Whether the peers trust what is to be placed, with the bundles that they have now, and are trusted by it. Peers are
 * the services of the same plane, and the clients. One whose certificate is revoked is nobody's peer: it may have another
 * by now that it was not given yet.
 */
export function checkPeers(material: Material, unit: Unit, peers: readonly Peer[], judge: Judge): Problem[] {
  const mine = certificates(new TextEncoder().encode(material.chain)) ?? [];
  const bundle = certificates(new TextEncoder().encode(material.trustBundle)) ?? [];
  const problems: Problem[] = [];
  for (const { name, ssh, dir, plane, anchors, chain } of peers) {
    if ((dir === unit.dir && ssh === unit.ssh) || (plane !== unit.plane && plane !== '' && unit.plane !== '')) continue;
    if (chain !== undefined && judge.isRevoked(chain)) continue;
    if (anchors !== undefined && judge.failures(mine, anchors).length > 0)
      problems.push({
        message: `${name} would not trust it: ${dir}/ca.pem has no anchor for this CA`,
        hint: `put this CA's root beside what is there, and make the service take it: cluster-ca export --format bundle; where that bundle is there by mistake: cluster-ca deploy ${name}`,
      });
    if (chain !== undefined && judge.failures(chain, bundle).length > 0)
      problems.push({
        message: `it would not trust ${name} any more, whose certificate in ${dir} is of another CA`,
        hint: `cluster-ca deploy ${name} gives it one of this CA: first, while both CAs are in every ca.pem`,
      });
  }
  return problems;
}

function certificates(pem: Uint8Array | undefined): Uint8Array[] | undefined {
  if (pem === undefined) return undefined;
  try {
    const found = decodePem(pem).flatMap(({ label, bytes }) => (label === 'CERTIFICATE' ? [bytes] : []));
    for (const der of found) parseCertificate(der);
    return found.length === 0 ? undefined : found;
  } catch {
    return undefined;
  }
}
