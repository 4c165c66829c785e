import type { CertificateObject } from '../documents/certificate-object.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import type { Inventory } from '../inventory/read.ts';
import { inventoryServices, type Service } from '../inventory/services.ts';
import { checkPlace } from '../inventory/whereabouts.ts';
import type { IssueItem } from '../issuance/item.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { NamedHolder } from '../what/holder.ts';
import type { Finding } from './codes.ts';
import { compareService } from './compare.ts';
import type { ServiceFacts } from './facts.ts';
import { Gatherer } from './gather.ts';

/** Services that are asked at the same time. */
const AT_ONCE = 8;
const ORDER = { critical: 0, warning: 1, info: 2 } as const;

/** One service, by the fingerprints of its certificate in the three places. */
export interface ServiceObject {
  node: string;
  plane?: string;
  kind: string;
  service: string;
  address?: string;
  issued?: string;
  onDisk?: string;
  served?: string;
  protocol?: string;
  clientCertificate?: string;
  ok: boolean;
}

/** What `verify --inventory` says. */
export interface DriftDocument {
  attention: boolean;
  findings: Finding[];
  services: ServiceObject[];
  /** The certificate that was made to look with. */
  probe?: CertificateObject;
  dryRun?: true;
}

export interface DriftRequest {
  holder: NamedHolder | undefined;
  planes: string[] | undefined;
  /** Where the client certificate comes from: asked for once there is an address to connect to. */
  client: () => Promise<ClientCertificate | undefined>;
  now: Date;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Compares, for each service of the inventory, what was issued, what is on disk and what is served.
 * @throws ERR_CONFIG for an inventory that is wrong, or has a service of which it cannot be told where it is
 */
export async function drift(keystore: Keystore, inventory: Inventory, request: DriftRequest): Promise<DriftDocument> {
  const items = inventoryItems(inventory, keystore.state);
  const services = chosen(inventoryServices(inventory, keystore.state.policy.planes), inventory, request);
  for (const service of services) await checkPlace(service);
  const client = services.some(({ address }) => address !== undefined) ? await request.client() : undefined;
  const gatherer = await Gatherer.create(keystore, client, request.now);
  const facts = await lookAtAll(gatherer, services, items, request).finally(() => gatherer.close());
  const each = facts.map((one) => ({ one, findings: compareService(one, gatherer.cluster) }));
  const findings = each.flatMap((entry) => entry.findings);
  return {
    attention: findings.some(({ severity }) => severity !== 'info'),
    findings: findings.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]),
    services: each.map(({ one, findings: own }) => serviceObject(one, own)),
  };
}

async function lookAtAll(
  gatherer: Gatherer,
  services: readonly Service[],
  items: readonly IssueItem[],
  request: DriftRequest,
): Promise<ServiceFacts[]> {
  const facts: ServiceFacts[] = [];
  let done = 0;
  if (services.length > 0) request.onProgress?.(0, services.length);
  for (let start = 0; start < services.length; start += AT_ONCE) {
    const some = services.slice(start, start + AT_ONCE);
    facts.push(
      ...(await Promise.all(
        some.map(async (service) => {
          const found = await gatherer.look(service, itemOf(items, service));
          request.onProgress?.(++done, services.length);
          return found;
        }),
      )),
    );
  }
  return facts;
}

function itemOf(items: readonly IssueItem[], { holder, plane }: Service): IssueItem | undefined {
  return items.find((item) => item.kind === holder.kind && item.name === holder.name && item.plane === plane);
}

function chosen(services: Service[], { document }: Inventory, { holder, planes }: DriftRequest): Service[] {
  if (holder !== undefined) {
    const known = { node: document.nodes ?? {}, client: document.clients ?? {} };
    const kinds = holder.kind === undefined ? (['node', 'client'] as const) : [holder.kind];
    if (!kinds.some((kind) => Object.hasOwn(known[kind], holder.name)))
      throw new ClusterCaError(
        'ERR_NOT_FOUND',
        `the inventory has no ${holder.kind ?? 'node or client'} ${holder.name}`,
      );
  }
  return services.filter(
    (service) =>
      (holder === undefined ||
        (service.holder.name === holder.name && (holder.kind ?? service.holder.kind) === service.holder.kind)) &&
      (planes === undefined || planes.includes(service.plane)),
  );
}

function serviceObject(facts: ServiceFacts, findings: readonly Finding[]): ServiceObject {
  const { service, issued, onDisk, inUse, served } = facts;
  return {
    node: service.holder.name,
    ...(service.plane === '' ? {} : { plane: service.plane }),
    kind: service.kind,
    service: service.label,
    ...(service.address === undefined ? {} : { address: service.address }),
    ...(issued === undefined ? {} : { issued: issued.fingerprint }),
    ...(onDisk === undefined ? {} : { onDisk: onDisk.fingerprint }),
    ...(inUse === undefined ? {} : { served: inUse.fingerprint }),
    ...(served?.seen === undefined
      ? {}
      : {
          protocol: served.seen.protocol,
          clientCertificate: served.demanded ? 'required' : served.seen.clientCertificate,
        }),
    ok: findings.every(({ severity }) => severity === 'info'),
  };
}
