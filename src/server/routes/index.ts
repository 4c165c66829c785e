import type { Route } from '../http/route.ts';
import type { Service } from '../service.ts';
import { agentRoutes } from './agents.ts';
import { alertRoutes } from './alerts.ts';
import { certificateRoutes } from './certificates.ts';
import { enrollRoutes } from './enroll.ts';
import { nodeCertificateRoutes } from './node-certificates.ts';
import { openApiRoute } from './openapi.ts';
import { pageRoutes } from './page.ts';
import { publicRoutes } from './public.ts';
import { rolloverRoutes } from './rollover.ts';
import { rotateRoutes } from './rotate.ts';
import { schedulerRoutes } from './scheduler.ts';

/** The routes of the listener with mutual TLS. */
export function secureRoutes(service: Service): Route[] {
  const routes: Route[] = [
    ...pageRoutes(service),
    ...certificateRoutes(service),
    ...alertRoutes(service),
    ...rotateRoutes(service),
    ...rolloverRoutes(service),
    ...schedulerRoutes(service),
    ...nodeCertificateRoutes(service),
    ...agentRoutes(service),
    ...enrollRoutes(service),
    openApiRoute(() => [...routes, ...publicRoutes(service)]),
  ];
  return routes;
}

/** The routes of the plain listener. */
export function plainRoutes(service: Service): Route[] {
  return publicRoutes(service);
}
