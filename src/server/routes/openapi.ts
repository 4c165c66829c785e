import * as z from 'zod';
import { openApiDocument } from '../http/openapi.ts';
import { type Route, route } from '../http/route.ts';

/** `GET /v1/openapi.json`: of all routes, itself among them. */
export function openApiRoute(routes: () => readonly Route[]): Route {
  return route({
    id: 'openapi',
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'this document',
    access: { to: 'known', roles: ['operator', 'auditor'] },
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.object({ openapi: z.string() }).catchall(z.unknown()) } },
    handle: async () => ({ body: openApiDocument(routes()) }),
  });
}
