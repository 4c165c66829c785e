import * as z from 'zod';
import { certificateObjectOf } from '../../documents/certificate-object.ts';
import type { Certified, CertifiedItem } from '../../issuance/certify.ts';
import { chainPem } from '../../issuance/files.ts';
import { findToken, isTokenRefusal, redeemToken } from '../../joining/redeem.ts';
import { decodeToken, secretOf } from '../../joining/token.ts';
import { trustBundle } from '../../keystore/public.ts';
import { joiningItem, withKey } from '../agents/node-items.ts';
import { Problem } from '../http/problem.ts';
import { type Route, route } from '../http/route.ts';
import { certificateSchema, nodeName, planeName } from '../http/schemas.ts';
import { refuseInTakeover } from '../rollover/refuse-takeover.ts';
import type { Service } from '../service.ts';

const answerSchema = z.object({
  schemaVersion: z.literal(1),
  node: z.string(),
  certificates: z.array(
    z.object({
      plane: z.string(),
      certificate: certificateSchema,
      chain: z.string().describe('PEM: the certificate, then its issuing CA and what is between that and the root'),
    }),
  ),
  trustBundle: z.string().describe('PEM: the trust anchors'),
});

const bodySchema = z.strictObject({
  node: nodeName,
  token: z.string().min(1).max(8192).describe('as `cluster-ca join-token` has written it'),
  requests: z
    .array(z.strictObject({ plane: planeName, csr: z.string().min(1).max(32_768).describe('PEM') }))
    .min(1)
    .max(16)
    .refine((list) => new Set(list.map(({ plane }) => plane)).size === list.length, 'a plane is there twice'),
});

/** `POST /v1/enroll`: how a new node gets its first certificates, with keys that never leave it. */
export function enrollRoutes(service: Service): Route[] {
  const { keystore, now, metrics, journal, ctx } = service;
  return [
    route({
      id: 'enroll',
      method: 'POST',
      path: '/v1/enroll',
      summary: 'a new node joins: a token and certification requests in, chains and the trust bundle out',
      description:
        'The token is for one node, for the planes that it names, for one use, and ends within the hour. Refused (403, `token-not-accepted`): one that is not known, has ended, has been used, or is for another node. The same keys again, while it has not ended: the same certificates.',
      access: { to: 'token' },
      body: bodySchema,
      answers: { 201: { description: 'issued, and durable', schema: answerSchema } },
      handle: async ({ body }) => {
        const { items, certified } = await redeem(service, body);
        const refused = certified.find((one) => 'error' in one);
        if (refused !== undefined && 'error' in refused) throw refused.error;
        const { writer } = service;
        const certificates = certified.flatMap((one, i) => {
          if ('error' in one) return [];
          const { plane } = items[i] as CertifiedItem;
          const certificate = certificateObjectOf(one.row, one.der, now());
          if (one.made) {
            metrics.issued.inc({ by: 'enrolment' });
            journal.say('enrolled', { node: body.node, plane, serial: one.row.serial, until: certificate.notAfter });
          }
          return [{ plane, certificate, chain: chainPem(writer.keystore, one.der, one.row.authority) }];
        });
        return {
          status: 201,
          body: {
            schemaVersion: 1,
            node: body.node,
            certificates,
            trustBundle: trustBundle(writer.keystore, now()),
          },
        };
      },
    }),
  ];

  /** The token is looked at before anything of the requests is: whoever has none gets no further. */
  async function redeem(
    { writer }: Service,
    { node, token, requests }: z.output<typeof bodySchema>,
  ): Promise<{ items: CertifiedItem[]; certified: Certified[] }> {
    const secret = secretOf(contentOf(token));
    try {
      const current = await keystore.current();
      refuseInTakeover(current);
      findToken(current, secret, { node, now: now(), keys: 'any' });
      const items: CertifiedItem[] = [];
      for (const { plane, csr } of requests)
        items.push(withKey(await joiningItem(service, current, node, plane), csr, current));
      return { items, certified: await redeemToken(writer, secret, node, items, ctx.globals.wait) };
    } catch (error) {
      if (!isTokenRefusal(error)) throw error;
      metrics.failed.inc({ what: 'enroll' });
      journal.say('enrolment-refused', { node, why: error.message });
      throw new Problem(403, 'token-not-accepted', error.message, { hint: error.hint });
    } finally {
      secret.fill(0);
    }
  }
}

/** What is no token at all is refused as one that is not known. */
function contentOf(text: string): { secret: string } {
  try {
    return decodeToken(text);
  } catch {
    throw new Problem(403, 'token-not-accepted', 'the join token is not accepted: it is not known, or has ended', {
      hint: 'an operator makes a new one: cluster-ca join-token NODE',
    });
  }
}
