import type { Keystore } from '../../keystore/keystore.ts';
import { situationByLog } from '../../rollover/evidence/by-log.ts';
import { holderKey } from '../../rollover/planning/subject.ts';
import { Problem } from '../http/problem.ts';
import type { InventoryFile } from '../inventory-file.ts';

/** Of the nodes that are named in a refusal. */
const NAMED = 20;

/**
 * A daemon without an inventory knows no services but those that agents tell of: it would ask nobody, and hold everybody
 * else for silent. As `rollover advance`, it moves nothing then, unless an agent sees to each node that is gated.
 * @throws Problem 409, with the nodes; ERR_CONFIG for an inventory that is not understood
 */
export async function requireInventory(keystore: Keystore, inventory: InventoryFile, now: Date): Promise<void> {
  if (inventory.get() !== undefined) return;
  const { rollover, certificates } = await situationByLog(keystore, undefined, now);
  const { agents = [] } = keystore.state;
  const out = new Set(rollover.excluded.map(holderKey));
  const gated = certificates.filter((one) => one.kind === 'node' && !one.revoked && !out.has(holderKey(one)));
  const nodes = [...new Set(gated.map(({ name }) => name))].filter((name) => !agents.includes(name)).sort();
  if (nodes.length === 0) return;
  const named = `${nodes.slice(0, NAMED).join(', ')}${nodes.length > NAMED ? ' …' : ''}`;
  throw new Problem(
    409,
    'needs-inventory',
    `the daemon has no inventory: what services there are on nodes without an agent it does not know: ${named}`,
    {
      code: 'ERR_STATE',
      hint: 'start it with --inventory cluster.yaml; or at the command line: cluster-ca rollover advance --inventory cluster.yaml',
      members: { nodes },
    },
  );
}
