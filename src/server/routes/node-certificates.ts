import * as z from 'zod';
import { certificateObjectOf } from '../../documents/certificate-object.ts';
import { chainPem } from '../../issuance/files.ts';
import { trustBundle } from '../../keystore/public.ts';
import { renewalItem, withKey } from '../agents/node-items.ts';
import { type Route, route } from '../http/route.ts';
import { certificateSchema, nodeName, planeName } from '../http/schemas.ts';
import type { Service } from '../service.ts';

const answerSchema = z.object({
  schemaVersion: z.literal(1),
  certificate: certificateSchema,
  chain: z.string().describe('PEM: the certificate, then its issuing CA and what is between that and the root'),
  trustBundle: z.string().describe('PEM: the trust anchors'),
});

/** `POST /v1/nodes/{node}/certificates`: a node's own renewal, with a key that never leaves it. */
export function nodeCertificateRoutes(service: Service): Route[] {
  const { keystore, now, metrics, certifier, journal } = service;
  return [
    route({
      id: 'certifyNode',
      method: 'POST',
      path: '/v1/nodes/{node}/certificates',
      summary: 'certify a new key of a node',
      description:
        'A certification request (PKCS #10) in, the chain out. Only its public key is taken, after its signature proved that the node has the private one. The names are those of the inventory, or of the certificate that it replaces; a request may ask for these and no others. The plane is one on which the node has a certificate already: 404 otherwise, whatever the inventory says. The same key again, while its certificate is not due: the same certificate.',
      access: { to: 'own-node' },
      params: z.strictObject({ node: nodeName }),
      body: z.strictObject({
        csr: z.string().min(1).max(32_768).describe('PEM'),
        plane: planeName.optional().describe("default: the caller's own"),
      }),
      answers: {
        200: { description: 'there already', schema: answerSchema },
        201: { description: 'issued, and durable', schema: answerSchema },
      },
      handle: async ({ params: { node }, body, caller }) => {
        const current = await keystore.current();
        const base = await renewalItem(service, current, node, body.plane ?? caller?.plane ?? '');
        const item = withKey(base, body.csr, current);
        // It may be revoked while this request waits for its turn.
        const certified = await certifier.certify(caller === undefined ? item : { ...item, askedWith: caller.serial });
        if ('error' in certified) {
          metrics.failed.inc({ what: 'issue' });
          throw certified.error;
        }
        const { row, der, made } = certified;
        const certificate = certificateObjectOf(row, der, now());
        if (made) {
          metrics.issued.inc({ by: 'request' });
          journal.say('issued', { node, plane: row.plane, serial: row.serial, until: certificate.notAfter });
        }
        const { writer } = service;
        const chain = chainPem(writer.keystore, der, row.authority);
        return {
          status: made ? 201 : 200,
          body: { schemaVersion: 1, certificate, chain, trustBundle: trustBundle(writer.keystore, now()) },
        };
      },
    }),
  ];
}
