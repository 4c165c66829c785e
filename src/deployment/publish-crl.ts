import type { Context } from '../context.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { formatTime } from '../values/time.ts';
import type { Deployment } from './deployment.ts';
import { identity, type ServiceObject } from './document.ts';
import { runDeployment } from './run.ts';
import { selectUnits } from './select.ts';
import { crlKind, type Unit } from './unit.ts';
import { verdictOf } from './verdict.ts';

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

/**
 * Reads the inventory, before anything is revoked. One that only the environment names never stands in the way.
 * @throws ERR_CONFIG, with line and column, for one that a flag names
 */
export async function audienceOf(
  ctx: Context,
  keystore: Keystore,
  given: string | undefined,
): Promise<CrlAudience | undefined> {
  const path = given ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path === undefined) return undefined;
  try {
    return await crlAudience(keystore, path);
  } catch (error) {
    if (given !== undefined || !isClusterCaError(error)) throw error;
    ctx.ui.warn(`no service is given the new CRL: ${error.message}`);
    return undefined;
  }
}

/** The same of an inventory that is known. @throws ERR_CONFIG with line and column */
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
 * The same after a revocation. What is revoked is revoked, whatever becomes of the services: a failure is handed back,
 * to be told behind the result.
 */
export async function publishRevocation(
  ctx: Context,
  writer: KeystoreWriter,
  audience: CrlAudience,
): Promise<{ services: ServiceObject[]; failure?: ClusterCaError | undefined }> {
  try {
    const services = await publishCrl(ctx, writer, audience);
    return { services, failure: verdictOf({ services }) };
  } catch (cause) {
    if (!isClusterCaError(cause)) throw cause;
    const what = `it is revoked, but no service was given the new CRL: ${cause.message}`;
    const hint = 'mend that, then run the same command again: it gives the CRL to the services';
    const failure = new ClusterCaError('ERR_PARTIAL', what, { hint, details: { cause: cause.code }, cause });
    return { services: [], failure };
  }
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
