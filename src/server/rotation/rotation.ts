import type { DeployDocument } from '../../deployment/document.ts';
import { NOTHING_ISSUED } from '../../deployment/rotate.ts';
import { runDeployment } from '../../deployment/run.ts';
import { unitsFromHere } from '../../deployment/select.ts';
import { makeStaging, stagingDirectory } from '../../deployment/staging.ts';
import type { Unit } from '../../deployment/unit.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { type IssueRequest, recordsOfRequest } from '../../issuance/issue-request.ts';
import { describeItem, type IssueItem } from '../../issuance/item.ts';
import type { IssueResult } from '../../issuance/result.ts';
import { issueWith } from '../../issuance/run.ts';
import { rotateThroughAgents } from '../agents/rotation.ts';
import type { Service } from '../service.ts';
import { type Holding, identity, type RotationRequest, type RotationResult, settledState } from './result.ts';

export type { Holding, RotationRequest, RotationResult } from './result.ts';

export function sameHolding(a: Holding, b: Holding): boolean {
  return a.kind === b.kind && a.name === b.name && a.plane === b.plane;
}

/** The units of the inventory that the daemon deploys to itself: not those of nodes with an agent. @throws ERR_CONFIG */
export async function deployableUnits({ inventory, writer }: Pick<Service, 'inventory' | 'writer'>): Promise<Unit[]> {
  const read = inventory.get();
  if (read === undefined) return [];
  return unitsFromHere(read, writer.keystore.state);
}

export function holdingOf({ holder, plane }: Unit): Holding {
  return { ...holder, plane };
}

/**
 * New keys and certificates in live services: nodes with an agent through that, all others from here.
 * @throws what stops all of it; what fails for one is in its result
 */
export async function rotateLive(service: Service, request: RotationRequest): Promise<RotationResult[]> {
  const { keystore } = service.writer;
  await keystore.refresh();
  const { agents = [] } = keystore.state;
  const hasAgent = ({ kind, name }: Pick<Holding, 'kind' | 'name'>): boolean =>
    kind === 'node' && agents.includes(name);
  const theirs = request.items.filter(hasAgent);
  const undone = request.undone?.filter((one) => !hasAgent(one)) ?? [];
  const ours = request.items.filter((item) => !hasAgent(item));
  return [
    ...(ours.length + undone.length === 0 ? [] : await rotateFromHere(service, { ...request, items: ours, undone })),
    ...(theirs.length === 0 ? [] : await rotateThroughAgents(service, theirs, request)),
  ];
}

/**
 * Issues, then deploys, through the same use cases as `rotate --deploy`. The same request again does not issue again:
 * what it has issued is deployed where that is not done.
 * @throws what stops all of it; what fails for one is in its result
 */
async function rotateFromHere(service: Service, request: RotationRequest): Promise<RotationResult[]> {
  const { ctx, writer, inventory } = service;
  const { keystore } = writer;
  const read = inventory.get();
  const all = await deployableUnits(service);
  const has = (holding: Holding): boolean => all.some((unit) => sameHolding(holdingOf(unit), holding));
  const wanted = read === undefined ? [] : inventoryItems(read, keystore.state);
  const items = request.items.filter(has).map((item) => wanted.find((one) => sameHolding(one, item)) ?? item);
  const undone = (request.undone ?? []).filter((one) => has(one) && !items.some((item) => sameHolding(item, one)));
  const staging = await makeStaging(stagingDirectory(ctx.env, keystore.identity.id));
  const issued = await issueOnce(service, items, staging, request);
  const concerned = [...items, ...undone];
  const units = all.filter((unit) => concerned.some((one) => sameHolding(holdingOf(unit), one)));
  const document: DeployDocument =
    read === undefined || units.length === 0
      ? { services: [], waves: [] }
      : await runDeployment(ctx, writer, {
          inventory: read,
          units,
          all,
          from: staging,
          atOnce: request.atOnce,
          cycle: false,
          fresh: issued.certificates.length > 0,
          onWave: request.onNodes,
        });
  service.metrics.rotated.inc(document.services.filter(({ state }) => state === 'confirmed').length);
  return [
    ...concerned.map((one) => resultOf(one, units, document, issued)),
    ...request.items.filter((item) => !has(item)).map(nowhere),
  ];
}

/** What this request has issued already is left as it is. @throws ERR_EXISTS for an id that is another request's */
async function issueOnce(
  { ctx, writer, metrics }: Service,
  items: IssueItem[],
  out: string,
  { requestId, requestHash }: RotationRequest,
): Promise<IssueResult> {
  const { keystore } = writer;
  const request: IssueRequest = {
    items,
    out,
    access: { keyMode: 0o600 },
    requestId,
    requestHash,
    forceNew: true,
    skipRevoked: true,
    partial: true,
  };
  const bound = await recordsOfRequest(keystore, request);
  const fresh: IssueItem[] = [];
  for (const item of items) {
    const row = await keystore.query((index) => index.current(item.kind, item.name, item.plane));
    if (row === undefined || !bound.has(row.seq)) fresh.push(item);
  }
  if (fresh.length === 0) return NOTHING_ISSUED;
  const issued = await issueWith(ctx, writer, { ...request, items: fresh, unlock: {}, revokePrevious: undefined });
  metrics.issued.inc({ by: 'rotation' }, issued.certificates.length);
  metrics.failed.inc({ what: 'issue' }, issued.failed.length);
  return issued;
}

function resultOf(
  holding: Holding,
  units: readonly Unit[],
  { services }: DeployDocument,
  { certificates, failed }: IssueResult,
): RotationResult {
  const { kind, name, plane } = holding;
  const is = (one: { node: string; plane?: string }): boolean => one.node === name && (one.plane ?? '') === plane;
  const dirs = units.filter((unit) => sameHolding(holdingOf(unit), holding)).map(({ dir }) => dir);
  const own = services.filter((one) => is(one) && dirs.includes(one.dir));
  const made = [...certificates].find((one) => one.kind === kind && is(one));
  const refused = failed.find(is);
  const { error } = refused ?? {};
  const outcome =
    error === undefined
      ? settledState(own)
      : { state: 'failed' as const, error: { code: error.code, message: error.message, ...hintOf(error) } };
  return {
    ...identity(holding),
    ...(made === undefined ? {} : { serial: made.serial, notAfter: made.notAfter }),
    services: own,
    ...outcome,
  };
}

function nowhere(item: IssueItem): RotationResult {
  return {
    ...identity(item),
    state: 'failed',
    services: [],
    error: {
      code: 'ERR_CONFIG',
      message: `the inventory has no services of ${describeItem(item)}: its new key would have no place`,
      hint: 'add its services to the inventory of the daemon',
    },
  };
}

function hintOf({ hint }: { hint?: string }): { hint?: string } {
  return hint === undefined ? {} : { hint };
}
