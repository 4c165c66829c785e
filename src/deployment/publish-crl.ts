import type { Context } from '../context.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { formatTime } from '../values/time.ts';
import { identity, type ServiceObject } from './document.ts';
import { type Deployment, runDeployment } from './run.ts';
import { selectUnits } from './select.ts';
import { crlKind, type Unit } from './unit.ts';

/** A service that reads no CRL, and until when it goes on accepting what was revoked. */
export interface Accepting {
  node: string;
  plane?: string;
  kind: string;
  address?: string;
  dir: string;
  /** RFC 3339. */
  until: string;
}

/** Where a new CRL goes: to what reads one; and what goes on as before. */
export interface CrlAudience {
  deployment: Deployment;
  /** Services that no CRL reaches. */
  others: { unit: Unit; service: Unit['services'][number]['service'] }[];
}

/** Reads the inventory, before anything is revoked. @throws ERR_CONFIG with line and column */
export async function crlAudience(keystore: Keystore, path: string): Promise<CrlAudience> {
  const inventory = readInventory(path);
  inventoryItems(inventory, keystore.state);
  const { all } = await selectUnits(inventory, keystore.state.policy.planes, []);
  const others = all.flatMap((unit) =>
    unit.services.filter(({ abilities }) => abilities.crl === 'none').map(({ service }) => ({ unit, service })),
  );
  const units: Unit[] = [];
  for (const unit of all) {
    const { kind, name } = unit.holder;
    const row = await keystore.query((index) => index.current(kind, name, unit.plane));
    if (crlKind(unit) !== 'none' && row !== undefined) units.push(unit);
  }
  return { deployment: { inventory, units, all, from: '.', atOnce: 1, cycle: false, onlyCrl: true }, others };
}

/** Gives the new CRL to every service that reads one. What fails of services is in the result. */
export async function publishCrl(
  ctx: Context,
  writer: KeystoreWriter,
  { deployment }: CrlAudience,
): Promise<ServiceObject[]> {
  if (deployment.units.length === 0) return [];
  return (await runDeployment(ctx, writer, deployment)).services;
}

/**
 * What goes on accepting it: not its own holder's services.
 * @param revoked the holders' names
 * @param notAfter when the last of the revoked certificates ends, milliseconds since 1970
 */
export function acceptingUntil({ others }: CrlAudience, revoked: ReadonlySet<string>, notAfter: number): Accepting[] {
  const rest = others.filter(({ unit }) => !revoked.has(unit.holder.name));
  return rest.map(({ unit, service }) => ({ ...identity(unit, service), until: formatTime(notAfter) }));
}
