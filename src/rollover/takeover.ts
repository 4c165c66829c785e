import { ClusterCaError } from '../errors.ts';
import { inProgress } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { agentNodesOf } from './running/agent-nodes.ts';

/** Nodes that the message names. */
const NAMED = 5;

/** Whether a cluster of another CA is being taken over. */
export function isTakeover({ state }: Keystore): boolean {
  return state.rollover?.form === 'foreign' && inProgress(state);
}

/**
 * Refuses a takeover of nodes that have agents. An agent has certificates of this CA alone, which nobody in the cluster
 * knows before the phase in which they are issued; it would give them to its services, and could not put back what was
 * there. So services are given their files from here until the takeover is done.
 * @throws ERR_STATE
 */
export async function requireNoAgents(keystore: Keystore, now: Date): Promise<void> {
  const nodes = await agentNodesOf(keystore, now);
  const [first] = nodes;
  if (first === undefined) return;
  const named = nodes.slice(0, NAMED).join(', ');
  const more = nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : '';
  throw new ClusterCaError(
    'ERR_STATE',
    `a cluster of another CA is not taken over by agents, and ${named}${more} ${nodes.length === 1 ? 'has one' : 'have one each'}`,
    {
      hint: `on each: systemctl disable --now cluster-ca-agent; here: cluster-ca revoke ${first} --reason superseded, cluster-ca issue ${first} --inventory FILE, with its services in that file; then start again, and when the takeover is done: cluster-ca join-token ${first}`,
      details: { nodes },
    },
  );
}
