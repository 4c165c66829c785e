import { status } from '../../status/status.ts';
import { type Route, route } from '../route.ts';
import { alertsSchema } from '../schemas.ts';
import type { Service } from '../service.ts';

/** `GET /v1/cluster/alerts` */
export function alertRoutes({ keystore, now }: Service): Route[] {
  return [
    route({
      id: 'listAlerts',
      method: 'GET',
      path: '/v1/cluster/alerts',
      summary: 'what needs attention, the most severe first',
      description: 'By the same rules as `cluster-ca status`; each says the command that helps.',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      answers: { 200: { description: 'the alerts', schema: alertsSchema } },
      handle: async () => {
        const { attention, alerts } = await status(await keystore.current(), now());
        return { body: { schemaVersion: 1, attention, alerts } };
      },
    }),
  ];
}
