import { ClusterCaError } from '../errors.ts';
import type { Inventory } from '../inventory/read.ts';
import { inventoryServices, type Service } from '../inventory/services.ts';
import { checkPlace } from '../inventory/whereabouts.ts';
import type { LogState } from '../keystore/log/state.ts';
import type { NamedHolder } from '../what/holder.ts';
import { type Unit, unitsOf } from './unit.ts';

/**
 * The directories of an inventory that are to be deployed to: those of these nodes and clients, or all.
 * @throws ERR_CONFIG with line and column; ERR_NOT_FOUND for a name that the inventory has not; ERR_CONFIG for one
 *   without services
 */
export async function selectUnits(
  inventory: Inventory,
  planes: readonly string[],
  names: readonly NamedHolder[],
  onPlanes?: readonly string[],
): Promise<{ units: Unit[]; all: Unit[] }> {
  const services = inventoryServices(inventory, planes);
  for (const service of services) await checkPlace(service);
  for (const holder of names) requireServices(inventory, services, holder);
  const chosen = (service: Service): boolean =>
    (names.length === 0 || names.some((holder) => isOf(service, holder))) &&
    (onPlanes === undefined || service.plane === '' || onPlanes.includes(service.plane));
  const all = unitsOf(services);
  return { all, units: all.filter((unit) => unit.services.some(({ service }) => chosen(service))) };
}

function requireServices({ document, path }: Inventory, services: readonly Service[], holder: NamedHolder): void {
  const known = { node: document.nodes ?? {}, client: document.clients ?? {} };
  const kinds = holder.kind === undefined ? (['node', 'client'] as const) : [holder.kind];
  if (!kinds.some((kind) => Object.hasOwn(known[kind], holder.name)))
    throw new ClusterCaError('ERR_NOT_FOUND', `${path} has no ${holder.kind ?? 'node or client'} ${holder.name}`);
  if (!services.some((service) => isOf(service, holder)))
    throw new ClusterCaError('ERR_CONFIG', `${path} has no services of ${holder.name}: there is nowhere to deploy to`, {
      hint: 'add services with their dir to it; docs/servers/ shows how',
    });
}

function isOf({ holder }: Service, { kind, name }: NamedHolder): boolean {
  return holder.name === name && (kind ?? holder.kind) === holder.kind;
}

/**
 * The units that are given their files from here: those of nodes with an agent have that.
 * @throws ERR_CONFIG as selectUnits
 */
export async function unitsFromHere(
  inventory: Inventory,
  { policy, agents = [] }: Pick<LogState, 'policy' | 'agents'>,
): Promise<Unit[]> {
  const { all } = await selectUnits(inventory, policy.planes, []);
  return all.filter(({ holder }) => holder.kind !== 'node' || !agents.includes(holder.name));
}
