import { ClusterCaError } from '../../errors.ts';
import type { Inventory } from '../../inventory/read.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { certificatesOf, readLegalHolder } from '../../what/holder.ts';
import type { Holder } from '../planning/subject.ts';

/**
 * The node or client that a name means: of the inventory, or one that something was issued to.
 * @throws ERR_NOT_FOUND; ERR_USAGE for a name that is both
 */
export async function gatedHolder(keystore: Keystore, inventory: Inventory | undefined, text: string): Promise<Holder> {
  const { name, kind } = readLegalHolder(text);
  const { nodes = {}, clients = {} } = inventory?.document ?? {};
  const known = [
    ...(kind !== 'client' && Object.hasOwn(nodes, name) ? ['node' as const] : []),
    ...(kind !== 'node' && Object.hasOwn(clients, name) ? ['client' as const] : []),
  ];
  if (known.length === 2)
    throw new ClusterCaError('ERR_USAGE', `${name} is both a node and a client`, {
      hint: `say which: node:${name} or client:${name}`,
    });
  const [only] = known;
  if (only !== undefined) return { kind: only, name };
  const [row] = await certificatesOf(keystore, { name, kind });
  return { kind: row?.kind === 'client' ? 'client' : 'node', name };
}
