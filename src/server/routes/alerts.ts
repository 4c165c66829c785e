import { needsAttention } from '../../alerts/alert.ts';
import { alertsNow } from '../alerts/alerting.ts';
import { type Route, route } from '../http/route.ts';
import { alertsSchema } from '../http/schemas.ts';
import type { Service } from '../service.ts';

/** `GET /v1/cluster/alerts` */
export function alertRoutes(service: Service): Route[] {
  const { keystore, now } = service;
  return [
    route({
      id: 'listAlerts',
      method: 'GET',
      path: '/v1/cluster/alerts',
      summary: 'what needs attention, the most severe first',
      description:
        'By the same rules as `cluster-ca status`, and what the daemon itself has failed to do; each says the command that helps.',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      answers: { 200: { description: 'the alerts', schema: alertsSchema } },
      handle: async () => {
        const alerts = await alertsNow(await keystore.current(), service, now());
        return { body: { schemaVersion: 1, attention: needsAttention(alerts), alerts } };
      },
    }),
  ];
}
