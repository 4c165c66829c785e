import type { Route } from '../route.ts';
import type { Service } from '../service.ts';
import { alertRoutes } from './alerts.ts';
import { certificateRoutes } from './certificates.ts';
import { openApiRoute } from './openapi.ts';
import { publicRoutes } from './public.ts';

/** The routes of the listener with mutual TLS. */
export function secureRoutes(service: Service): Route[] {
  const routes: Route[] = [
    ...certificateRoutes(service),
    ...alertRoutes(service),
    openApiRoute(() => [...routes, ...publicRoutes(service)]),
  ];
  return routes;
}

/** The routes of the plain listener. */
export function plainRoutes(service: Service): Route[] {
  return publicRoutes(service);
}
