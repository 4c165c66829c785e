import type { Service } from '../../inventory/services.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { leftOut } from '../evidence/left-out.ts';
import { hasAgent, rolesOf } from '../evidence/subjects.ts';
import type { Proof } from '../planning/proof.ts';

/**
 * The nodes that have an agent: what a phase wants is given to their services there. Each proof is of after the question.
 */
export interface AgentNodes {
  /**
   * Has agents prove what their services trust and show, when these have what the phase wants. Of one that says nothing
   * there is a proof without facts, with the reason.
   */
  prove(nodes: readonly string[]): Promise<Proof[]>;
}

/** Those that are gated: not left out, with a certificate that is not revoked. */
export async function agentNodesOf(keystore: Keystore, now: Date): Promise<string[]> {
  const { agents = [] } = keystore.state;
  const excluded = (await leftOut(keystore, now)).flatMap(({ kind, name }) => (kind === 'node' ? [name] : []));
  const gated: string[] = [];
  for (const node of agents)
    if (!excluded.includes(node) && (await planesOf(keystore, node)).length > 0) gated.push(node);
  return gated;
}

/** The planes that a node has certificates of which are not revoked. */
async function planesOf(keystore: Keystore, node: string): Promise<string[]> {
  const rows = await keystore.query((index) => index.ofName('node', node));
  return [...new Set(rows.filter(({ revoked }) => revoked === undefined).map(({ plane }) => plane))].sort();
}

/** Of a node whose agent says nothing of its services. */
export async function silence(keystore: Keystore, node: string, error: string, at: number): Promise<Proof[]> {
  return (await planesOf(keystore, node)).flatMap((plane) =>
    (['accept', 'connect'] as const).map((role) => ({
      kind: 'node' as const,
      name: node,
      plane,
      service: '',
      role,
      at,
      error,
    })),
  );
}

/** Services that an inventory has on nodes whose agents have answered without them: nobody sees to these. */
export function untold(
  services: readonly Service[],
  nodes: readonly string[],
  answers: readonly Proof[],
  now: number,
): Proof[] {
  return services
    .filter((service) => hasAgent(service, { nodes }))
    .flatMap(({ holder, plane, label }) => {
      const own = answers.filter(({ name }) => name === holder.name);
      const isTold = own.some((proof) => proof.service === '' || (proof.service === label && proof.plane === plane));
      if (isTold) return [];
      const at = own[0]?.at ?? now;
      const error =
        "the inventory has it, and the agent of its node does not: put it into the agent's file, or take it out of the inventory";
      return rolesOf({ holder }).map((role) => ({ ...holder, plane, service: label, role, at, error }));
    });
}
