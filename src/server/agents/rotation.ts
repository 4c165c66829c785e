import type { ReportedService } from '../../agent/protocol.ts';
import type { ServiceObject } from '../../deployment/document.ts';
import { planWaves } from '../../deployment/waves.ts';
import { recordsOfRequest } from '../../issuance/issue-request.ts';
import type { IssueItem } from '../../issuance/item.ts';
import { formatTime } from '../../values/time.ts';
import { identity, type RotationRequest, type RotationResult, settledState } from '../rotation/result.ts';
import type { Service } from '../service.ts';
import type { AskedPlane } from './agents.ts';
import type { Told } from './told.ts';

/** Milliseconds: until an agent has taken the word, and until it has said what came of it. */
const PATIENCE = { taken: 15_000, done: 300_000 };

/**
 * Rotates nodes through their agents, as many at once as is asked for, replicas before primaries as far as they have told:
 * an agent makes its own keys. When one fails the waves behind it keep what they have; one that is silent does it when it
 * is back.
 * @param items all of nodes that have an agent
 */
export async function rotateThroughAgents(
  service: Service,
  items: readonly IssueItem[],
  request: RotationRequest,
): Promise<RotationResult[]> {
  const { agents } = service;
  const since = await bind(service, items, request);
  const nodes = [...new Set(items.map(({ name }) => name))];
  const rank = (node: string): number => agents.told(node)?.report.rank ?? 0;
  const results: RotationResult[] = [];
  let broken: string | undefined;
  const ranked = nodes.map((node) => ({ node, rank: rank(node) }));
  for (const wave of planWaves(ranked, request.atOnce)) {
    const behind = broken;
    const outcomes = wave.map(async (node) => {
      const own = items.filter(({ name }) => name === node);
      if (behind !== undefined) return own.map((item) => notReached(item, behind));
      const outcome = await rotateOne(service, node, own, since);
      request.onNodes([node]);
      return outcome;
    });
    const settled = (await Promise.all(outcomes)).flat();
    results.push(...settled);
    broken ??= settled.find(({ state }) => state === 'failed')?.node;
  }
  return results;
}

/**
 * Binds the request's id to the request, by a reserve record of no serials. What was issued behind it, to the nodes that
 * it is for, is its work: the same request again does not do it twice, not even after a restart.
 * @returns the record's number
 */
async function bind(
  { writer, ctx }: Service,
  items: readonly IssueItem[],
  { requestId, requestHash }: RotationRequest,
): Promise<number> {
  const { keystore } = writer;
  const [first] = [...(await recordsOfRequest(keystore, { requestId, requestHash }))].sort((a, b) => a - b);
  if (first !== undefined || items.length === 0) return first ?? keystore.state.seq;
  const entry = await writer.inTurn(ctx.globals.wait, () =>
    writer.commit('reserve', requestId, async () => ({ requestHash, serials: [] })),
  );
  return entry?.seq ?? keystore.state.seq;
}

async function rotateOne(
  service: Service,
  node: string,
  items: readonly IssueItem[],
  since: number,
): Promise<RotationResult[]> {
  const { agents } = service;
  const current = async (plane: string) => {
    const keystore = await service.keystore.current();
    return keystore.query((index) => index.current('node', node, plane));
  };
  const planes: AskedPlane[] = [];
  for (const { plane } of items) {
    const row = await current(plane);
    if (row !== undefined && row.seq <= since) planes.push({ plane, serial: row.serial });
  }
  // Where all is done already, it is asked for what has come of it.
  let told = await agents.rotate(node, planes, PATIENCE);
  const others = await heldInstead(planes, told, async (plane) => ((await current(plane))?.seq ?? 0) > since);
  if (others.length > 0) told = await agents.rotate(node, others, PATIENCE);
  const results: RotationResult[] = [];
  for (const item of items) {
    const row = await current(item.plane);
    const isNew = row !== undefined && row.seq > since;
    const made = isNew ? { serial: row.serial, notAfter: formatTime(row.notAfter) } : {};
    results.push({ ...identity(item), ...made, ...outcomeOf(node, item.plane, told, isNew, agents.isStopped) });
  }
  service.metrics.rotated.inc(results.flatMap(({ services }) => services).filter(isConfirmed).length);
  return results;
}

/**
 * What an agent holds where it was asked to replace another: what was issued last to its node was not to it, but by
 * the command line.
 */
async function heldInstead(
  planes: readonly AskedPlane[],
  told: Told | undefined,
  isRotated: (plane: string) => Promise<boolean>,
): Promise<AskedPlane[]> {
  if (told === undefined || told.report.rotations.some(({ error }) => error !== undefined)) return [];
  const held: AskedPlane[] = [];
  for (const { plane, serial } of planes) {
    const own = told.report.certificates.find((one) => one.plane === plane)?.serial;
    if (own !== undefined && own !== serial && !(await isRotated(plane))) held.push({ plane, serial: own });
  }
  return held;
}

function outcomeOf(
  node: string,
  plane: string,
  told: Told | undefined,
  isNew: boolean,
  isStopped: boolean,
): Pick<RotationResult, 'state' | 'services' | 'error'> {
  if (told === undefined && isStopped) {
    const error = {
      code: 'ERR_STATE',
      message: `the daemon stopped before the agent of ${node} had said that it has rotated`,
      hint: 'when it is back, ask again with the same Idempotency-Key: what is done is not done twice',
    };
    return { state: 'pending', services: [], error };
  }
  if (told === undefined) {
    const error = {
      code: 'ERR_TIMEOUT',
      message: `the agent of ${node} has not said that it has rotated: it does when it is back`,
      hint: `on ${node}: systemctl status cluster-ca-agent`,
    };
    return { state: 'pending', services: [], error };
  }
  const services = told.report.services.filter((one) => one.plane === plane).map((one) => serviceOf(node, one));
  const refused = told.report.rotations.find(({ error }) => error !== undefined)?.error;
  if (!isNew) {
    const error = refused ?? {
      code: 'ERR_STATE',
      message: `the agent of ${node} has no new certificate for plane ${plane}`,
      hint: `on ${node}: journalctl -u cluster-ca-agent`,
    };
    return { state: 'failed', services, error: plain(error) };
  }
  return { services, ...settledState(services) };
}

function serviceOf(node: string, reported: ReportedService): ServiceObject {
  const { trusts: _, onDisk: __, error, address, served, oldConnections, ...rest } = reported;
  return {
    node,
    ...rest,
    ...(address === undefined ? {} : { address }),
    ...(served === undefined ? {} : { served }),
    ...(oldConnections === undefined ? {} : { oldConnections }),
    ...(error === undefined ? {} : { error: plain(error) }),
  };
}

function plain({ code, message, hint }: { code: string; message: string; hint?: string | undefined }) {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

function notReached(item: IssueItem, broken: string): RotationResult {
  return {
    ...identity(item),
    state: 'pending',
    services: [],
    error: {
      code: 'ERR_STATE',
      message: `not reached: the run stopped when ${broken} failed`,
      hint: 'mend that one first',
    },
  };
}

function isConfirmed({ state }: ServiceObject): boolean {
  return state === 'confirmed' || state === 'unchanged';
}
