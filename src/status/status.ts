import { type Alert, needsAttention, sortAlerts } from '../alerts/alert.ts';
import { authorityAlert } from '../alerts/authorities.ts';
import { crlAlert } from '../alerts/crls.ts';
import { nodeCertificateAlert } from '../alerts/node-certificates.ts';
import { singleSlotAlert } from '../alerts/slots.ts';
import { type AuthorityObject, authorityObject } from '../authority/authority-object.ts';
import type { CertificateStatus } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';

export interface StatusDocument {
  attention: boolean;
  alerts: Alert[];
  authorities: AuthorityObject[];
  certificates: Record<CertificateStatus | 'due', number>;
}

/** What needs attention, by the rules that the daemon's alerts use too. */
export async function status(keystore: Keystore, now: Date): Promise<StatusDocument> {
  const alerts = sortAlerts([
    ...authorityAlerts(keystore, now),
    ...crlAlerts(keystore, now),
    ...(await certificateAlerts(keystore, now)),
    ...slotAlerts(keystore),
  ]);
  return {
    attention: needsAttention(alerts),
    alerts,
    authorities: keystore.state.authorities.map((authority) => authorityObject(authority, now)),
    certificates: await keystore.query((index) => index.counts(now)),
  };
}

function authorityAlerts(keystore: Keystore, now: Date): Alert[] {
  const nodeLifetime = keystore.state.policy.nodeLifetime * 1000;
  return keystore.state.authorities.flatMap(({ id, role }) => {
    const { notBefore, notAfter } = keystore.authorityCertificate(id);
    return authorityAlert({ id, role, subject: id, notBefore, notAfter }, nodeLifetime, now.getTime()) ?? [];
  });
}

function crlAlerts(keystore: Keystore, now: Date): Alert[] {
  return keystore.state.crls.flatMap((crl) => {
    const role = keystore.authority(crl.authority)?.role;
    if (role === undefined || keystore.authorityCertificate(crl.authority).notAfter < now.getTime()) return [];
    const life = {
      authority: crl.authority,
      role,
      thisUpdate: Date.parse(crl.thisUpdate),
      nextUpdate: Date.parse(crl.nextUpdate),
    };
    return crlAlert(life, now.getTime()) ?? [];
  });
}

/** Of the current certificates that are not revoked; only those past the threshold are looked up by name. */
async function certificateAlerts(keystore: Keystore, now: Date): Promise<Alert[]> {
  const { alertBefore, nodeLifetime } = keystore.state.policy;
  const ratio = alertBefore / nodeLifetime;
  return keystore.query(async (index) => {
    const alerts: Alert[] = [];
    for await (const row of index.times()) {
      if (row.superseded || row.revoked || row.kind === 'probe') continue;
      if (nodeCertificateAlert({ ...row, name: '', plane: '' }, ratio, now.getTime()) === undefined) continue;
      const certificate = await index.bySerial(row.serial);
      const alert = certificate && nodeCertificateAlert(certificate, ratio, now.getTime());
      if (alert !== undefined) alerts.push(alert);
    }
    return alerts;
  });
}

function slotAlerts(keystore: Keystore): Alert[] {
  return (['daily', 'root'] as const).flatMap((domain) => {
    const created = keystore.state.slots.filter((slot) => slot.domain === domain).map((slot) => slot.createdAt);
    return singleSlotAlert(domain, created) ?? [];
  });
}
