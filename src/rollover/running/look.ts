import type { Context } from '../../context.ts';
import type { Hosts } from '../../hosts/hosts.ts';
import type { Service } from '../../inventory/services.ts';
import { phaseOf } from '../../keystore/hierarchy.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { isDialed } from '../evidence/connect.ts';
import { gatherProofs, recordProofs } from '../evidence/gather.ts';
import { leftOut } from '../evidence/left-out.ts';
import { forgetProbes, makeProbes, type Probes } from '../evidence/probes.ts';
import { situationOf } from '../evidence/situation.ts';
import { hasAgent } from '../evidence/subjects.ts';
import type { Situation } from '../planning/situation.ts';
import { holderKey } from '../planning/subject.ts';
import { agentNodesOf, untold } from './agent-nodes.ts';
import type { RunRequest } from './request.ts';

/** Probes are made anew when they are this old, milliseconds: they last for an hour. */
const PROBES_LAST = 30 * 60_000;

/** Takes everybody's proofs, again and again in one run, with probes that it makes once. */
export class Looks {
  readonly #ctx: Context;
  readonly #writer: KeystoreWriter;
  readonly #hosts: Hosts;
  readonly #request: Pick<RunRequest, 'services' | 'agents'>;
  readonly #requestId: string;
  #probes: { made: number; probes: Probes } | undefined;

  constructor(
    ctx: Context,
    writer: KeystoreWriter,
    hosts: Hosts,
    request: Pick<RunRequest, 'services' | 'agents'>,
    requestId: string,
  ) {
    this.#ctx = ctx;
    this.#writer = writer;
    this.#hosts = hosts;
    this.#request = request;
    this.#requestId = requestId;
  }

  /** Forgets the probes. */
  close(): void {
    if (this.#probes !== undefined) forgetProbes(this.#probes.probes);
    this.#probes = undefined;
  }

  /** Everybody's proofs, taken now, and recorded. */
  async look(): Promise<Situation> {
    const { keystore } = this.#writer;
    const { now, ui, globals } = this.#ctx;
    const since = now().getTime();
    await keystore.refresh();
    const { services, agents } = this.#request;
    // Nobody has heard of the new root yet, or there is none: there is nothing to ask.
    if (['stable', 'prepared', 'done'].includes(phaseOf(keystore.state)))
      return situationOf(keystore, { services, proofs: [], now: now(), since });
    const gated = await this.#gated(now());
    const nodes = await agentNodesOf(keystore, now());
    const ours = gated.filter((service) => !hasAgent(service, { nodes: keystore.state.agents ?? [] }));
    const [seen, said] = await Promise.all([
      ours.length === 0
        ? []
        : gatherProofs(keystore, {
            services: ours,
            probes: await this.#current(since, gated),
            hosts: this.#hosts,
            now,
            onProgress: (done, total) => ui.progress(`asking services: ${done} of ${total}`),
          }),
      nodes.length === 0 ? [] : agents.prove(nodes),
    ]);
    const proofs = [...seen, ...said, ...untold(gated, nodes, said, now().getTime())];
    if (proofs.length > 0) await recordProofs(this.#writer, globals.wait, this.#requestId, proofs);
    return situationOf(keystore, { services, proofs, now: now(), since });
  }

  async #gated(now: Date): Promise<Service[]> {
    const excluded = new Set((await leftOut(this.#writer.keystore, now)).map(holderKey));
    return this.#request.services.filter(({ holder }) => !excluded.has(holderKey(holder)));
  }

  async #current(now: number, gated: readonly Service[]): Promise<Probes> {
    if (this.#probes !== undefined && now - this.#probes.made < PROBES_LAST) return this.#probes.probes;
    this.close();
    const probes = await makeProbes(this.#writer, this.#ctx.globals.wait, gated.some(isDialed));
    this.#probes = { made: now, probes };
    return probes;
  }
}
