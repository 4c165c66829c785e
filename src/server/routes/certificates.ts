import * as z from 'zod';
import { listCertificates } from '../../listing/list.ts';
import { Problem } from '../http/problem.ts';
import { type Route, route } from '../http/route.ts';
import { certificatesSchema, nodeName, planeName } from '../http/schemas.ts';
import type { Service } from '../service.ts';

/** `GET /v1/cluster/certificates` */
export function certificateRoutes({ keystore, now }: Service): Route[] {
  return [
    route({
      id: 'listCertificates',
      method: 'GET',
      path: '/v1/cluster/certificates',
      summary: 'the current certificate of every node, plane and client, and revoked ones that have not ended',
      access: { to: 'roles', roles: ['operator', 'auditor'] },
      query: z.strictObject({
        node: nodeName.optional().describe('of this node alone'),
        plane: planeName.optional(),
        status: z.enum(['valid', 'expired', 'revoked', 'superseded']).optional(),
        all: z.enum(['true', 'false']).optional().describe('every certificate ever issued'),
      }),
      answers: { 200: { description: 'the certificates, never a private key', schema: certificatesSchema } },
      handle: async ({ query }) => {
        const current = await keystore.current();
        const { plane, node, status, all } = query;
        if (plane !== undefined && !current.state.policy.planes.includes(plane))
          throw new Problem(400, 'usage', `the cluster has no plane ${plane}`);
        const certificates = await listCertificates(current, {
          all: all === 'true',
          nodes: node === undefined ? undefined : [node],
          planes: plane === undefined ? undefined : [plane],
          status: status === undefined ? undefined : [status],
          expiring: undefined,
          now: now(),
        });
        return { body: { schemaVersion: 1, certificates: [...certificates] } };
      },
    }),
  ];
}
