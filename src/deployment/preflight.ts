import { crlHint } from '../alerts/crls.ts';
import type { Host } from '../hosts/host.ts';
import { subjectAltNamesOf } from '../inspection/certificate-object.ts';
import { isExternal, liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Role } from '../keystore/log/bodies.ts';
import type { Problem } from '../targets/target.ts';
import { formatTime } from '../values/time.ts';
import type { Material } from './material.ts';
import { crlKind, type Unit } from './unit.ts';

/** Kinds whose servers are clients of each other with the same certificate. */
const BOTH_ROLES = new Set(['redis', 'sentinel', 'etcd']);
const CLOCKS_APART = 300_000;

/** A CA of which there is to be a CRL, and when the one that there is ends; undefined: there is none. */
export interface CrlEnd {
  authority: string;
  role: Role;
  /** Another PKI signs it. */
  external?: boolean;
  /** RFC 3339. */
  nextUpdate: string | undefined;
}

/** The CRLs that a keystore has. */
export function crlEnds({ state }: Keystore): CrlEnd[] {
  return liveAuthorities(state).map((authority) => ({
    authority: authority.id,
    role: authority.role,
    external: isExternal(state, authority),
    nextUpdate: state.crls.find((crl) => crl.authority === authority.id)?.nextUpdate,
  }));
}

/**
 * What speaks against giving a unit these files, from the files alone. Pure.
 * @param wanted the names that its certificate is to have, `DNS:…`; undefined where nobody says
 */
export function checkMaterial(
  unit: Unit,
  material: Material,
  wanted: readonly string[] | undefined,
  crls: readonly CrlEnd[],
  now: Date,
): Problem[] {
  return [...checkPurpose(unit, material), ...checkNames(material, wanted), ...checkCrls(unit, crls, now)];
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

function checkNames({ certificate, row }: Material, wanted: readonly string[] | undefined): Problem[] {
  if (wanted === undefined) return [];
  const has = new Set(subjectAltNamesOf(certificate.extensions));
  const missing = wanted.filter((name) => !has.has(name));
  if (missing.length === 0) return [];
  return [
    {
      message: `the certificate of ${row.name} lacks ${missing.join(', ')}, which the inventory has`,
      hint: 'cluster-ca issue --inventory FILE gives it one with those names',
    },
  ];
}

/** A server that checks CRLs refuses everybody when one level's is missing or has ended. */
export function checkCrls(unit: Unit, crls: readonly CrlEnd[], now: Date): Problem[] {
  const wanted = crlKind(unit);
  if (wanted === 'none') return [];
  // Another PKI's CRLs are brought by whoever needs them: who reads plain files may need none.
  const spared = wanted === 'issuing' || unit.services.every(({ service }) => service.kind === 'files');
  return crls.flatMap((crl) => {
    const { authority, nextUpdate } = crl;
    if (crl.external && spared && nextUpdate === undefined) return [];
    if (nextUpdate !== undefined && Date.parse(nextUpdate) > now.getTime()) return [];
    return [
      {
        message: `the CRL of ${authority} ${nextUpdate === undefined ? 'is not there' : `has ended on ${nextUpdate}`}: a server with it refuses everybody`,
        hint: crlHint(crl),
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
