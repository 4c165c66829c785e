import type { Host } from '../hosts/host.ts';
import { subjectAltNamesOf } from '../inspection/certificate-object.ts';
import { type IssueItem, itemNameTexts } from '../issuance/item.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Problem } from '../targets/target.ts';
import { formatTime } from '../values/time.ts';
import type { Material } from './material.ts';
import { crlKind, type Unit } from './unit.ts';

/** Kinds whose servers are clients of each other with the same certificate. */
const BOTH_ROLES = new Set(['redis', 'sentinel', 'etcd']);
const CLOCKS_APART = 300_000;

/** What speaks against giving a unit these files, from the files alone. Pure. */
export function checkMaterial(
  unit: Unit,
  material: Material,
  wanted: IssueItem | undefined,
  keystore: Keystore,
  now: Date,
): Problem[] {
  return [
    ...checkPurpose(unit, material),
    ...checkNames(material, wanted, keystore),
    ...checkCrls(unit, keystore, now),
  ];
}

function checkPurpose({ services, holder }: Unit, { row }: Material): Problem[] {
  const both = services.find(({ service }) => BOTH_ROLES.has(service.kind));
  const server = services.find(({ service }) => service.address !== undefined && service.kind !== 'files');
  const hint = `cluster-ca issue ${holder.name} --profile peer --force-new`;
  if (both !== undefined && row.profile !== 'peer')
    return [
      { message: `${both.service.label} is server and client, and the certificate is for ${row.profile} alone`, hint },
    ];
  if (server !== undefined && row.profile === 'client')
    return [{ message: `${server.service.label} is a server, and the certificate is for clients alone`, hint }];
  return [];
}

function checkNames({ certificate, row }: Material, wanted: IssueItem | undefined, keystore: Keystore): Problem[] {
  if (wanted === undefined) return [];
  const has = new Set(subjectAltNamesOf(certificate.extensions));
  const missing = itemNameTexts(wanted, keystore.state.policy).filter((name) => !has.has(name));
  if (missing.length === 0) return [];
  return [
    {
      message: `the certificate of ${row.name} lacks ${missing.join(', ')}, which the inventory has`,
      hint: 'cluster-ca issue --inventory FILE gives it one with those names',
    },
  ];
}

/** A server that checks CRLs refuses everybody when one level's is missing or has ended. */
export function checkCrls(unit: Unit, keystore: Keystore, now: Date): Problem[] {
  if (crlKind(unit) === 'none') return [];
  return liveAuthorities(keystore.state).flatMap(({ id, role }) => {
    const crl = keystore.state.crls.find(({ authority }) => authority === id);
    const ended = crl === undefined || Date.parse(crl.nextUpdate) <= now.getTime();
    if (!ended) return [];
    return [
      {
        message: `the CRL of ${id} ${crl === undefined ? 'is not there' : `has ended on ${crl.nextUpdate}`}: a server with it refuses everybody`,
        hint: role === 'root' ? `cluster-ca crl --renew --authority ${id}` : 'cluster-ca crl --renew',
      },
    ];
  });
}

/** A host whose clock does not agree judges the certificates at another time than ours. */
export async function checkClockOf(host: Host, unit: Unit, material: Material, now: () => Date): Promise<Problem[]> {
  if (unit.ssh === undefined) return [];
  const { stdout } = await host.run(['date', '+%s'], { timeout: 10_000 });
  const there = Number(stdout.trim()) * 1000;
  if (!Number.isFinite(there) || there === 0) return [];
  const { notBefore, notAfter } = material.certificate;
  const ahead = there - now().getTime();
  if (there >= notBefore && there < notAfter + 1000 && Math.abs(ahead) < CLOCKS_APART) return [];
  return [
    {
      message: `the clock of ${host.label} says ${formatTime(there)}, which is ${Math.round(Math.abs(ahead) / 60_000)} minutes ${ahead < 0 ? 'behind' : 'ahead'}`,
      hint: 'set it right first: every certificate is judged by it',
    },
  ];
}
