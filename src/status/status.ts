import { type Alert, needsAttention, sortAlerts } from '../alerts/alert.ts';
import { anchorAlert } from '../alerts/anchors.ts';
import { authorityAlert, replacementHint } from '../alerts/authorities.ts';
import { backupAlert } from '../alerts/backups.ts';
import { clockAlert } from '../alerts/clock.ts';
import { crlAlert } from '../alerts/crls.ts';
import { deploymentAlert } from '../alerts/deployments.ts';
import { isPastAlert, nodeCertificateAlert } from '../alerts/node-certificates.ts';
import { type RolloverStanding, rolloverAlert } from '../alerts/rollovers.ts';
import { singleSlotAlert } from '../alerts/slots.ts';
import { withinAlert } from '../alerts/within.ts';
import { type AuthorityObject, authorityObject } from '../authority/authority-object.ts';
import { sha256 } from '../crypto/hash.ts';
import { certificateFields } from '../inspection/certificate-object.ts';
import type { Inventory } from '../inventory/read.ts';
import { type CertificateStatus, type IssuedCertificate, statusOf } from '../keystore/certificates/row.ts';
import { clockLeap } from '../keystore/clock.ts';
import {
  inProgress,
  intermediatesAbove,
  isDestroyed,
  isExternal,
  issuerOf,
  liveAuthorities,
  rootOf,
} from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Phase } from '../rollover/phase.ts';
import { formatTime } from '../values/time.ts';
import { certificatesOf, type NamedHolder } from '../what/holder.ts';

export interface StatusDocument {
  attention: boolean;
  alerts: Alert[];
  authorities: AuthorityObject[];
  certificates: Record<CertificateStatus | 'due', number>;
  /** The last backup, where there is one: when, how many records came after it, and whether it can restore the root CA. */
  backup?: { at: string; recordsSince: number; root: boolean };
  /** While one is in progress: where it is, and who keeps it from its next step, by the last proofs. */
  rollover?: { phase: Phase; since: string; blocking: string[] };
}

export interface StatusScope {
  /** Of these nodes and clients only; none named: of everything. */
  holders: readonly NamedHolder[];
  /** Milliseconds: what ends or comes due within this time needs attention too. */
  within?: number | undefined;
  /** Where it is known: the services that a rollover has to do with. */
  inventory?: Inventory | undefined;
}

const EVERYTHING: StatusScope = { holders: [] };

/**
 * What needs attention, by the rules that the daemon's alerts use too.
 * @throws ERR_NOT_FOUND, ERR_USAGE for a holder that is not known or not one
 */
export async function status(keystore: Keystore, now: Date, scope = EVERYTHING): Promise<StatusDocument> {
  const narrowed = scope.holders.length > 0;
  const rows = narrowed ? await rowsOf(keystore, scope.holders) : undefined;
  const standing = narrowed ? undefined : await standingOfRollover(keystore, scope.inventory, now);
  const alerts = sortAlerts([
    ...rolloverAlerts(standing, now),
    ...(narrowed
      ? []
      : [...authorityAlerts(keystore, now, scope.within), ...crlAlerts(keystore, now), ...anchorAlerts(keystore, now)]),
    ...(await certificateAlerts(keystore, rows, now, scope.within)),
    ...(await deploymentAlerts(keystore, scope.holders)),
    ...(narrowed ? [] : [...slotAlerts(keystore), ...backupAlerts(keystore, now), ...clockAlerts(keystore, now)]),
  ]);
  const { backup, seq, rollover } = keystore.state;
  return {
    attention: needsAttention(alerts),
    alerts,
    authorities: liveAuthorities(keystore.state).map((authority) => authorityObject(authority, now)),
    certificates: rows === undefined ? await keystore.query((index) => index.counts(now)) : countsOf(rows, now),
    ...(backup === undefined
      ? {}
      : { backup: { at: formatTime(backup.time), recordsSince: seq - backup.seq, root: backup.root } }),
    ...(standing === undefined || rollover === undefined
      ? {}
      : { rollover: { phase: rollover.phase, since: formatTime(standing.since), blocking: [...standing.blocking] } }),
  };
}

/** What weighs proofs is loaded where there are some. */
async function standingOfRollover(
  keystore: Keystore,
  inventory: Inventory | undefined,
  now: Date,
): Promise<RolloverStanding | undefined> {
  if (!inProgress(keystore.state)) return undefined;
  const { rolloverStanding } = await import('./rollover.ts');
  return rolloverStanding(keystore, inventory, now);
}

function rolloverAlerts(standing: RolloverStanding | undefined, now: Date): Alert[] {
  const alert = standing && rolloverAlert(standing, now.getTime());
  return alert === undefined ? [] : [alert];
}

/** Of a holder that was revoked since nobody deploys anything any more. */
async function deploymentAlerts(keystore: Keystore, holders: readonly NamedHolder[]): Promise<Alert[]> {
  const open = (keystore.state.undone ?? []).filter(
    (one) =>
      holders.length === 0 ||
      holders.some((holder) => holder.name === one.name && (holder.kind ?? one.kind) === one.kind),
  );
  const alerts: Alert[] = [];
  for (const one of open) {
    const row = await keystore.query((index) => index.current(one.kind, one.name, one.plane));
    if (row?.revoked === undefined) alerts.push(deploymentAlert(one));
  }
  return alerts;
}

async function rowsOf(keystore: Keystore, holders: readonly NamedHolder[]): Promise<IssuedCertificate[]> {
  const rows = new Map<string, IssuedCertificate>();
  for (const holder of holders) for (const row of await certificatesOf(keystore, holder)) rows.set(row.serial, row);
  return [...rows.values()];
}

/** The current certificates that are not revoked: what a scraper watches. Nodes first, then clients; expired ones too. */
export async function* currentCertificates(
  keystore: Keystore,
  holders: readonly NamedHolder[],
): AsyncGenerator<IssuedCertificate> {
  const watched = (row: IssuedCertificate): boolean => !row.superseded && !row.revoked && row.kind !== 'probe';
  if (holders.length > 0) {
    const rows = (await rowsOf(keystore, holders)).filter(watched);
    yield* rows.toSorted((a, b) => Number(a.kind === 'client') - Number(b.kind === 'client'));
  } else for await (const rows of keystore.certificates.all()) yield* rows.filter(watched);
}

function countsOf(rows: readonly IssuedCertificate[], now: Date): StatusDocument['certificates'] {
  const counts = { valid: 0, due: 0, expired: 0, revoked: 0, superseded: 0 };
  for (const row of rows) {
    const found = statusOf(row, now);
    counts[found]++;
    if (found === 'valid' && row.dueAt <= now.getTime()) counts.due++;
  }
  return counts;
}

function authorityAlerts(keystore: Keystore, now: Date, within: number | undefined): Alert[] {
  const nodeLifetime = keystore.state.policy.nodeLifetime * 1000;
  return alertedAuthorities(keystore).flatMap((authority) => {
    const { id, role } = authority;
    const { notBefore, notAfter } = keystore.authorityCertificate(id);
    const external = isExternal(keystore.state, authority);
    const life = { id, role, external, subject: id, notBefore, notAfter };
    const alert = authorityAlert(life, nodeLifetime, now.getTime());
    if (within === undefined || (alert !== undefined && alert.severity !== 'info')) return alert ?? [];
    return withinAlert({ subject: id, notAfter, hint: replacementHint(life) }, within, now.getTime()) ?? alert ?? [];
  });
}

/** Those that are in force, during a rollover of both sides. Certificates of an issuing CA that was replaced end before it. */
function alertedAuthorities({ state }: Keystore): Authority[] {
  const sides = (['old', 'new'] as const).flatMap((side) => [rootOf(state, side), issuerOf(state, side)]);
  return sides.flatMap((authority) => {
    if (authority === undefined) return [];
    return authority.role === 'issuing' ? [authority, ...intermediatesAbove(state, authority)] : [authority];
  });
}

function anchorAlerts({ state }: Keystore, now: Date): Alert[] {
  return (state.trusted ?? []).flatMap((trusted) => {
    const certificate = parseCertificate(fromBase64(trusted.certificate));
    const { subject, fingerprint } = certificateFields(certificate, (data) => sha256(data));
    const { notBefore, notAfter } = certificate;
    return anchorAlert({ subject, fingerprint, notBefore, notAfter }, now.getTime()) ?? [];
  });
}

function crlAlerts(keystore: Keystore, now: Date): Alert[] {
  return keystore.state.crls.flatMap((crl) => {
    const authority = keystore.authority(crl.authority);
    if (authority === undefined || isDestroyed(keystore.state, crl.authority)) return [];
    if (keystore.authorityCertificate(crl.authority).notAfter < now.getTime()) return [];
    const life = {
      authority: authority.id,
      role: authority.role,
      external: isExternal(keystore.state, authority),
      thisUpdate: Date.parse(crl.thisUpdate),
      nextUpdate: Date.parse(crl.nextUpdate),
    };
    return crlAlert(life, now.getTime()) ?? [];
  });
}

/** Of the current certificates that are not revoked. Without `within` only those past the threshold are looked up by name. */
async function certificateAlerts(
  keystore: Keystore,
  rows: readonly IssuedCertificate[] | undefined,
  now: Date,
  within: number | undefined,
): Promise<Alert[]> {
  const { alertBefore, nodeLifetime } = keystore.state.policy;
  const ratio = alertBefore / nodeLifetime;
  const agents = new Set(keystore.state.agents);
  const alertOf = (row: IssuedCertificate): Alert[] => {
    if (row.superseded || row.revoked || row.kind === 'probe') return [];
    const alert = nodeCertificateAlert(row, ratio, now.getTime(), agents.has(row.name));
    const found = alert ?? (within === undefined ? undefined : withinAlert(ending(row), within, now.getTime()));
    return found === undefined ? [] : [found];
  };
  if (rows !== undefined) return rows.flatMap(alertOf);
  return keystore.query(async (index) => {
    const alerts: Alert[] = [];
    if (within !== undefined) for await (const group of index.all()) alerts.push(...group.flatMap(alertOf));
    else {
      const past: string[] = [];
      await index.eachTime((row) => {
        if (row.superseded || row.revoked || row.kind === 'probe') return;
        if (isPastAlert(row, ratio, now.getTime())) past.push(row.serial);
      });
      for (const serial of past) {
        const certificate = await index.bySerial(serial);
        if (certificate !== undefined) alerts.push(...alertOf(certificate));
      }
    }
    return alerts;
  });
}

function ending({ kind, name, plane, notAfter, dueAt }: IssuedCertificate) {
  const node = kind === 'node';
  return {
    subject: node ? `${name}/${plane}` : `client ${name}`,
    notAfter,
    dueAt,
    hint: `cluster-ca rotate ${name}${node ? ` --plane ${plane}` : ''}`,
  };
}

function slotAlerts(keystore: Keystore): Alert[] {
  return (['daily', 'root'] as const).flatMap((domain) => {
    const created = keystore.state.slots.filter((slot) => slot.domain === domain).map((slot) => slot.createdAt);
    return singleSlotAlert(domain, created) ?? [];
  });
}

function backupAlerts({ state }: Keystore, now: Date): Alert[] {
  const { createdAt, backup, seq } = state;
  const life = { createdAt, last: backup?.time, since: backup === undefined ? seq : seq - backup.seq };
  const alert = backupAlert(life, now.getTime());
  return alert === undefined ? [] : [alert];
}

function clockAlerts({ state }: Keystore, now: Date): Alert[] {
  const leap = clockLeap(state, now);
  return leap === undefined ? [] : [clockAlert(leap, state.time, now.getTime())];
}
