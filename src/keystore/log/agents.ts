import { list, record, type Shaped, text } from '../shape.ts';

/** Nodes with an agent that a state holds at most: what joins beyond them changes nothing. */
export const MOST_AGENTS = 4096;

/** The body of an `agents` record: nodes whose agent has reported for the first time, and nodes that have none any more. */
export const agentChanges = record({ joined: list(text), left: list(text) });
export type AgentChanges = Shaped<typeof agentChanges>;
/** The nodes that have an agent, as the state keeps them. */
export const agentNodes = list(text);

/** The nodes with an agent after a change, in the order in which they joined. */
export function applyAgentChanges(before: readonly string[], { joined, left }: AgentChanges): string[] {
  const nodes = new Set(before);
  for (const node of left) nodes.delete(node);
  for (const node of joined) if (nodes.size < MOST_AGENTS) nodes.add(node);
  return [...nodes];
}
