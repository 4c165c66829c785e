import { isClusterCaError } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { ServiceDirectory } from './service-directory.ts';
import { open, type UnitContext } from './task.ts';
import type { Deployable, Unit } from './unit.ts';
import type { Ranked } from './waves.ts';

/** The nodes with their ranks; a server that cannot be asked goes with the first. */
export async function ranksOf(
  units: readonly Unit[],
  hostOf: (unit: Unit) => Host,
  contextOf: (unit: Unit) => Promise<UnitContext>,
): Promise<Ranked[]> {
  const ranks = new Map<string, number>();
  for (const unit of units) {
    const context = await contextOf(unit);
    const rank = Math.max(
      0,
      ...(await Promise.all(unit.services.map((one) => rankOf(hostOf(unit), unit, one, context)))),
    );
    ranks.set(unit.holder.name, Math.max(rank, ranks.get(unit.holder.name) ?? 0));
  }
  return [...ranks].map(([node, rank]) => ({ node, rank }));
}

async function rankOf(host: Host, unit: Unit, deployable: Deployable, context: UnitContext): Promise<number> {
  const { session } = open(deployable, new ServiceDirectory(host, unit.dir), context);
  try {
    return (await session.rank?.()) ?? 0;
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    return 0;
  } finally {
    await session.close().catch(() => {});
  }
}
