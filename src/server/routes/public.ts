import * as z from 'zod';
import { crlBundle, trustBundle } from '../../keystore/public.ts';
import { Problem } from '../http/problem.ts';
import { type Route, route } from '../http/route.ts';
import type { Service } from '../service.ts';

const anyone = { to: 'anyone' } as const;
const text = 'text/plain; charset=utf-8';
const PEM = 'application/x-pem-file';

/** What must be readable without a certificate: the plain listener's. */
export function publicRoutes({ keystore, now, metrics, ready }: Service): Route[] {
  return [
    route({
      id: 'crlBundle',
      method: 'GET',
      path: '/crl/all.pem',
      summary: 'every current CRL, issuing CAs newest first, roots last',
      access: anyone,
      answers: { 200: { description: 'PEM', type: PEM } },
      handle: async () => ({ body: await crlBundle(await keystore.current(), now()), type: PEM }),
    }),
    route({
      id: 'crl',
      method: 'GET',
      path: '/crl/{file}',
      summary: 'the current CRL of one CA',
      access: anyone,
      params: z.strictObject({
        file: z
          .string()
          .regex(
            /^(root|intermediate|issuing)-g\d{1,9}(\.\d{1,9})?\.crl$/,
            'not the name of a CRL, such as issuing-g1.1.crl',
          ),
      }),
      answers: { 200: { description: 'DER (RFC 5280)', type: 'application/pkix-crl' } },
      handle: async ({ params }) => {
        const current = await keystore.current();
        const id = params.file.replace(/\.crl$/, '');
        if (current.authority(id) === undefined) throw new Problem(404, 'not-found', `there is no authority ${id}`);
        return { body: await current.crl(id), type: 'application/pkix-crl' };
      },
    }),
    route({
      id: 'trustBundle',
      method: 'GET',
      path: '/trust-bundle',
      summary: 'the trust anchors that nodes are given',
      access: anyone,
      answers: { 200: { description: 'PEM', type: PEM } },
      handle: async () => ({ body: trustBundle(await keystore.current(), now()), type: PEM }),
    }),
    route({
      id: 'healthz',
      method: 'GET',
      path: '/healthz',
      summary: 'the daemon lives',
      access: anyone,
      answers: { 200: { description: 'ok', type: text } },
      handle: async () => ({ body: 'ok\n', type: text }),
    }),
    route({
      id: 'readyz',
      method: 'GET',
      path: '/readyz',
      summary: 'the daemon can do its work: the keystore is readable, its own certificate good, the clock not behind',
      access: anyone,
      answers: { 200: { description: 'ready', type: text }, 503: { description: 'not ready, and why' } },
      handle: async () => {
        const why = await ready();
        if (why !== undefined) throw new Problem(503, 'not-ready', why);
        return { body: 'ready\n', type: text };
      },
    }),
    route({
      id: 'metrics',
      method: 'GET',
      path: '/metrics',
      summary: 'metrics for Prometheus',
      access: anyone,
      answers: { 200: { description: 'text format 0.0.4', type: text } },
      handle: async () => ({ body: await metrics.text(), type: metrics.contentType }),
    }),
  ];
}
