import type { DeployDocument, ServiceObject } from '../deployment/document.ts';
import { NOTHING_ISSUED } from '../deployment/rotate.ts';
import { runDeployment } from '../deployment/run.ts';
import { selectUnits } from '../deployment/select.ts';
import { makeStaging, stagingDirectory } from '../deployment/staging.ts';
import type { Unit } from '../deployment/unit.ts';
import { inventoryItems } from '../inventory/items.ts';
import { type IssueRequest, recordsOfRequest } from '../issuance/issue-request.ts';
import { describeItem, type IssueItem } from '../issuance/item.ts';
import type { IssueResult } from '../issuance/result.ts';
import { issueWith } from '../issuance/run.ts';
import type { Service } from './service.ts';

/** A node and plane, or a client, whose certificate is to be replaced where it is served. */
export interface Holding {
  kind: 'node' | 'client';
  name: string;
  plane: string;
}

/** What became of one. */
export interface RotationResult {
  kind: 'node' | 'client';
  node: string;
  plane?: string;
  /** `rotated`: its services have the new certificate, confirmed. `pending`: the daemon goes on trying. */
  state: 'rotated' | 'pending' | 'failed';
  /** Of the new certificate, where one was issued. */
  serial?: string;
  notAfter?: string;
  services: ServiceObject[];
  error?: { code: string; message: string; hint?: string };
}

export interface RotationRequest {
  /** To be given new certificates. */
  items: IssueItem[];
  /** To be deployed to again: the last run for them is not done, their certificate is not due. */
  undone?: readonly Holding[];
  requestId: string;
  requestHash: string;
  onNodes: (nodes: readonly string[]) => void;
}

const DONE = ['confirmed', 'placed', 'unchanged'];

export function sameHolding(a: Holding, b: Holding): boolean {
  return a.kind === b.kind && a.name === b.name && a.plane === b.plane;
}

/** The units that hold certificates of the inventory; none without one. @throws ERR_CONFIG */
export async function deployableUnits({ inventory, writer }: Pick<Service, 'inventory' | 'writer'>): Promise<Unit[]> {
  const read = inventory.get();
  if (read === undefined) return [];
  return (await selectUnits(read, writer.keystore.state.policy.planes, [])).all;
}

export function holdingOf({ holder, plane }: Unit): Holding {
  return { ...holder, plane };
}

/**
 * Issues, then deploys, through the same use cases as `rotate --deploy`. The same request again does not issue again:
 * what it has issued is deployed where that is not done.
 * @throws what stops all of it; what fails for one is in its result
 */
export async function rotateLive(service: Service, request: RotationRequest): Promise<RotationResult[]> {
  const { ctx, writer, inventory } = service;
  const { keystore } = writer;
  await keystore.refresh();
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
          atOnce: 1,
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
  const broken = own.find(({ state }) => state === 'failed') ?? own.find(({ state }) => !DONE.includes(state));
  const error = refused?.error ?? broken?.error;
  const state =
    refused !== undefined || broken?.state === 'failed' ? 'failed' : broken === undefined ? 'rotated' : 'pending';
  return {
    ...identity(holding),
    state,
    ...(made === undefined ? {} : { serial: made.serial, notAfter: made.notAfter }),
    services: own,
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message, ...hintOf(error) } }),
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

function identity({ kind, name, plane }: Holding) {
  return { kind, node: name, ...(plane === '' ? {} : { plane }) };
}

function hintOf({ hint }: { hint?: string }): { hint?: string } {
  return hint === undefined ? {} : { hint };
}
