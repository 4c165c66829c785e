import * as z from 'zod';
import { certificateObjectOf } from '../../documents/certificate-object.ts';
import { ClusterCaError } from '../../errors.ts';
import { inventoryItems } from '../../inventory/items.ts';
import type { CertifiedItem } from '../../issuance/certify.ts';
import { csrKeyType, readCsrBytes, requestedNames } from '../../issuance/csr-input.ts';
import { chainPem } from '../../issuance/files.ts';
import { describeItem, type IssueItem } from '../../issuance/item.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { trustBundle } from '../../keystore/public.ts';
import { formatGeneralName, ipName } from '../../pki/x509/general-name.ts';
import { itemOf } from '../../rotation/select.ts';
import { type Route, route } from '../route.ts';
import { certificateSchema, nodeName, planeName } from '../schemas.ts';
import type { Service } from '../service.ts';

const CSR = 'the certification request';

const answerSchema = z.object({
  schemaVersion: z.literal(1),
  certificate: certificateSchema,
  chain: z.string().describe('PEM: the certificate, then its issuing CA'),
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
        'A certification request (PKCS #10) in, the chain out. Only its public key is taken, after its signature proved that the node has the private one. The names are those of the inventory, or of the certificate that it replaces; a request may ask for these and no others. The same key again, while its certificate is not due: the same certificate.',
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
        const base = await itemFor(service, current, node, body.plane ?? caller?.plane ?? '');
        const certified = await certifier.certify(withKey(base, body.csr, current));
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

/** What a node may have on a plane: as the inventory says, else as it has it. @throws ERR_NOT_FOUND */
async function itemFor(service: Service, keystore: Keystore, node: string, plane: string): Promise<IssueItem> {
  const inventory = service.inventory.get();
  const listed = inventory && inventoryItems(inventory, keystore.state);
  const item = listed?.find((one) => one.kind === 'node' && one.name === node && one.plane === plane);
  if (item !== undefined) return item;
  const row = await keystore.query((index) => index.current('node', node, plane));
  if (row !== undefined) return itemOf(keystore, row);
  throw new ClusterCaError('ERR_NOT_FOUND', `nothing was ever issued to ${node} on plane ${plane}`, {
    hint: `an operator issues the first: cluster-ca issue ${node} --plane ${plane}`,
  });
}

/** @throws ERR_CONFIG, ERR_POLICY for a request that is none, or asks for more */
function withKey(item: IssueItem, pem: string, keystore: Keystore): CertifiedItem {
  const accepted = asPolicy(() => readCsrBytes(new TextEncoder().encode(pem), CSR));
  const asked = accepted.names.length === 0 ? undefined : requestedNames(accepted, CSR, item, keystore.state.policy);
  const more = [
    ...(asked?.dns ?? []).filter((name) => !item.dns.includes(name)),
    ...(asked?.ip ?? []).filter((address) => !item.ip.some((own) => sameAddress(own, address))),
  ];
  if (more.length > 0)
    throw new ClusterCaError('ERR_POLICY', `${describeItem(item)} asks for a name it has not: ${more[0]}`, {
      hint: 'names are given by the inventory, or by an operator: cluster-ca issue NODE --dns NAME',
    });
  return { ...item, publicKey: accepted.csr.publicKey.der, keyType: csrKeyType(accepted, item.keyType) };
}

function sameAddress(a: string, b: string): boolean {
  return formatGeneralName(ipName(a)) === formatGeneralName(ipName(b));
}

/** What is wrong with the request is the caller's mistake, not the daemon's configuration. */
function asPolicy<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ClusterCaError) || error.code !== 'ERR_CONFIG') throw error;
    throw new ClusterCaError('ERR_USAGE', error.message, { hint: error.hint, cause: error });
  }
}
