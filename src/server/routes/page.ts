import { authorityObject } from '../../authority/authority-object.ts';
import { inProgress, liveAuthorities } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { decodeRecord, type LogRecord } from '../../keystore/log/record.ts';
import { formatHead } from '../../keystore/log/state.ts';
import { listCertificates } from '../../listing/list.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { boardByLog } from '../../rollover/running/board.ts';
import { alertsNow } from '../alerts/alerting.ts';
import { type Route, route } from '../http/route.ts';
import { overviewPage } from '../page/overview.ts';
import { POLICY } from '../page/style.ts';
import type { Service } from '../service.ts';

/** The newest records that are shown. */
const RECORDS = 50;

/** `GET /`: for people with a browser. */
export function pageRoutes(service: Service): Route[] {
  const { keystore, now } = service;
  return [
    route({
      id: 'overview',
      method: 'GET',
      path: '/',
      summary:
        'the cluster for people who look: certificates with their lifetimes, alerts, authorities, the log, and the board of a rollover',
      description: 'HTML, read only, without a script.',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      answers: { 200: { description: 'the page', type: 'text/html; charset=utf-8' } },
      handle: async () => {
        const current = await keystore.current();
        const at = now();
        const listed = await listCertificates(current, {
          all: false,
          nodes: undefined,
          planes: undefined,
          status: undefined,
          expiring: undefined,
          now: at,
        });
        const body = overviewPage({
          cluster: current.state.cluster,
          head: formatHead(current.state),
          now: at.getTime(),
          authorities: liveAuthorities(current.state).map((authority) => authorityObject(authority, at)),
          certificates: [...listed].sort((a, b) => Date.parse(a.notAfter) - Date.parse(b.notAfter)),
          alerts: await alertsNow(current, service, at),
          rollover: inProgress(current.state) ? await boardByLog(current, service.inventory.readable, at) : undefined,
          records: await newest(current),
        });
        return { body, type: 'text/html; charset=utf-8', headers: { 'Content-Security-Policy': POLICY } };
      },
    }),
  ];
}

async function newest({ state, store, identity }: Keystore): Promise<LogRecord[]> {
  const auditKey = fromBase64(identity.auditKey);
  const out: LogRecord[] = [];
  for (let seq = state.seq; seq >= 0 && out.length < RECORDS; seq--) {
    const bytes = await store.readRecord(seq);
    if (bytes === undefined) break;
    out.push(decodeRecord(identity.id, seq, bytes, auditKey));
  }
  return out;
}
