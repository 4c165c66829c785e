import { setTimeout as sleep } from 'node:timers/promises';
import { inProgress } from '../../keystore/hierarchy.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { lastAnswers } from '../evidence/subjects.ts';
import type { Proof } from '../planning/proof.ts';
import { DAEMON_ENDED, daemonBusy, NO_DAEMON } from '../planning/unheard.ts';
import { type AgentNodes, silence } from './agent-nodes.ts';

/** Between two looks at the log, milliseconds. */
const LOOK = 250;
/** What a daemon may take that is there: an agent gives its services what they lack first, and restarts take turns. */
const PATIENCE = 240_000;
/** Where the phase has a deadline, and where it has not answered once. */
const HURRY = 60_000;
const IMPATIENCE = 5_000;

/** Agents that only the daemon hears of: it is asked, and answers, in the log. Where none is there nobody is waited for. */
export class LoggedAgents implements AgentNodes {
  readonly #writer: KeystoreWriter;
  readonly #wait: number;
  readonly #onProgress: (text: string) => void;
  #wasSilent = false;

  /** @param wait milliseconds for a turn among the writers */
  constructor(writer: KeystoreWriter, wait: number, onProgress: (text: string) => void) {
    this.#writer = writer;
    this.#wait = wait;
    this.#onProgress = onProgress;
  }

  async prove(nodes: readonly string[]): Promise<Proof[]> {
    const { keystore, options } = this.#writer;
    const why = await this.#ask(nodes);
    const at = options.now().getTime();
    if (why !== undefined) return (await Promise.all(nodes.map((node) => silence(keystore, node, why, at)))).flat();
    const found = lastAnswers({ nodes, proofs: keystore.state.rollover?.evidence ?? [] });
    return nodes.flatMap((node) => found.filter(({ name }) => name === node).map((proof) => ({ ...proof, at })));
  }

  /** @returns why nothing was heard of any; undefined when the daemon has answered */
  async #ask(nodes: readonly string[]): Promise<string | undefined> {
    const { keystore } = this.#writer;
    if (!(await keystore.store.isServing())) return NO_DAEMON;
    this.#onProgress(`waiting for the agents of ${nodes.length} nodes`);
    const asked = await this.#writer.inTurn(this.#wait, () =>
      this.#writer.commit('evidence', newRequestId(), async () =>
        inProgress(keystore.state) ? { proofs: [], ask: true } : undefined,
      ),
    );
    return asked === undefined ? 'the rollover is over' : this.#answered(asked.seq);
  }

  async #answered(seq: number): Promise<string | undefined> {
    const { keystore } = this.#writer;
    const hurried = keystore.state.rollover?.emergency === undefined ? PATIENCE : HURRY;
    const patience = this.#wasSilent ? IMPATIENCE : hurried;
    const until = performance.now() + patience;
    while (performance.now() < until) {
      await keystore.refresh();
      const { rollover } = keystore.state;
      if (rollover === undefined || (rollover.answered ?? -1) >= seq) {
        this.#wasSilent = false;
        return undefined;
      }
      if (!(await keystore.store.isServing())) return DAEMON_ENDED;
      await sleep(LOOK);
    }
    this.#wasSilent = true;
    return daemonBusy(Math.round(patience / 1000));
  }
}
