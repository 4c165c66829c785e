import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../../inventory/services.ts';
import { inProgress } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { hasAgent, lastAnswers, rolesOf } from '../evidence/subjects.ts';
import type { Proof } from '../planning/proof.ts';

/** Between two looks at the log, and until nobody is waited for any more; milliseconds. */
const LOOK = 250;
const PATIENCE = 60_000;
/** Where the daemon has not answered once. */
const IMPATIENCE = 5_000;

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
export async function agentNodesOf(keystore: Keystore): Promise<string[]> {
  const { agents = [], rollover } = keystore.state;
  const excluded = (rollover?.excluded ?? []).flatMap(({ kind, name }) => (kind === 'node' ? [name] : []));
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

/** Agents that only the daemon hears of: it is asked, and answers, in the log. */
export class LoggedAgents implements AgentNodes {
  readonly #writer: KeystoreWriter;
  readonly #wait: number;
  readonly #onProgress: (text: string) => void;
  #patience = PATIENCE;

  /** @param wait milliseconds for a turn among the writers */
  constructor(writer: KeystoreWriter, wait: number, onProgress: (text: string) => void) {
    this.#writer = writer;
    this.#wait = wait;
    this.#onProgress = onProgress;
  }

  async prove(nodes: readonly string[]): Promise<Proof[]> {
    const { keystore, options } = this.#writer;
    this.#onProgress(`waiting for the agents of ${nodes.length} nodes`);
    const asked = await this.#writer.inTurn(this.#wait, () =>
      this.#writer.commit('evidence', newRequestId(), async () =>
        inProgress(keystore.state) ? { proofs: [], ask: true } : undefined,
      ),
    );
    const isAnswered = asked !== undefined && (await this.#answered(asked.seq));
    const at = options.now().getTime();
    const found = isAnswered ? lastAnswers({ nodes, proofs: keystore.state.rollover?.evidence ?? [] }) : [];
    const why = isAnswered
      ? 'the daemon says nothing of its agent'
      : 'the daemon did not ask its agent in time: is cluster-ca serve running?';
    const proofs: Proof[] = [];
    for (const node of nodes) {
      const own = found.filter(({ name }) => name === node);
      proofs.push(
        ...(own.length === 0 && !isAnswered
          ? await silence(keystore, node, why, at)
          : own.map((proof) => ({ ...proof, at }))),
      );
    }
    return proofs;
  }

  async #answered(seq: number): Promise<boolean> {
    const { keystore } = this.#writer;
    const until = performance.now() + this.#patience;
    while (performance.now() < until) {
      await keystore.refresh();
      const { rollover } = keystore.state;
      if (rollover === undefined) return false;
      if ((rollover.answered ?? -1) >= seq) {
        this.#patience = PATIENCE;
        return true;
      }
      await sleep(LOOK);
    }
    this.#patience = IMPATIENCE;
    return false;
  }
}
