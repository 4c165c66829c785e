import type { ProofAsk, ReportedProof } from '../../agent/protocol.ts';
import { randomBytes } from '../../crypto/hash.ts';
import { anchorOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { toBase64, toHex } from '../../pki/encoding.ts';
import { encodePem } from '../../pki/pem.ts';
import { sideOfAuthority } from '../../rollover/evidence/sides.ts';
import type { Proof } from '../../rollover/planning/proof.ts';
import { agentTooOld } from '../../rollover/planning/unheard.ts';
import { type AgentNodes, silence } from '../../rollover/running/agent-nodes.ts';
import { safeText } from '../../ui/text/safe.ts';
import { formatTime } from '../../values/time.ts';
import type { Service } from '../service.ts';
import { type ProofAnswer, UNABLE } from './agents.ts';

/** Milliseconds: until an agent has taken the word, and until it has given its services what they lack, and asked them. */
const PATIENCE = { taken: 15_000, done: 180_000 };
/** Of a service in a record. */
const LONGEST = 300;

/** The agents that this daemon has heard of, asked by their polls. */
export class ServedAgents implements AgentNodes {
  readonly #service: Pick<Service, 'agents' | 'writer' | 'now'>;

  constructor(service: Pick<Service, 'agents' | 'writer' | 'now'>) {
    this.#service = service;
  }

  async prove(nodes: readonly string[]): Promise<Proof[]> {
    const { agents, writer, now } = this.#service;
    const { keystore } = writer;
    const found = await Promise.all(
      nodes.map(async (node) => {
        const wasHeard = agents.heardAt(node) !== undefined;
        const answer = await agents.prove(node, askOf(keystore), PATIENCE);
        const at = now().getTime();
        if (answer === UNABLE) {
          const version = agents.told(node)?.report.agent ?? '?';
          return silence(keystore, node, shown(agentTooOld(node, version)), at);
        }
        const why =
          answer === undefined
            ? this.#why(node, wasHeard)
            : answer.error && `its agent proves nothing: ${answer.error}`;
        if (why !== undefined || answer === undefined) return silence(keystore, node, shown(why ?? ''), at);
        return proofsOf(node, answer, at);
      }),
    );
    return found.flat();
  }

  #why(node: string, wasHeard: boolean): string {
    const { agents } = this.#service;
    const at = agents.heardAt(node);
    if (at === undefined || (!wasHeard && agents.told(node) === undefined))
      return 'nothing was heard of its agent since the daemon started';
    return `its agent did not answer; it was last heard of at ${formatTime(at)}`;
  }
}

/** What an agent has seen by handshakes counts as what an agent says; what is in its files, as files. */
function proofsOf(node: string, { proofs }: ProofAnswer, at: number): Proof[] {
  return proofs.map(({ provenBy, how, error, service, ...rest }: ReportedProof) => ({
    ...rest,
    kind: 'node',
    name: node,
    at,
    service: shown(service),
    ...(provenBy === undefined ? {} : { provenBy: provenBy === 'handshake' ? ('agent' as const) : provenBy }),
    ...(how === undefined ? {} : { how: shown(how) }),
    ...(error === undefined ? {} : { error: shown(error) }),
  }));
}

function shown(text: string): string {
  return safeText(text).slice(0, LONGEST);
}

function askOf(keystore: Keystore): ProofAsk {
  const { state } = keystore;
  const anchor = (side: 'old' | 'new'): { [S in typeof side]?: string } => {
    const der = anchorOf(state, side);
    return der === undefined ? {} : { [side]: encodePem('CERTIFICATE', der) };
  };
  const { form = 'root' } = state.rollover ?? {};
  return {
    id: toHex(randomBytes(16)),
    form,
    ...anchor('old'),
    ...anchor('new'),
    issuers: state.authorities.flatMap(({ id }) => {
      const side = sideOfAuthority(state, id);
      return side === undefined ? [] : [{ name: toBase64(keystore.authorityCertificate(id).subject), side }];
    }),
    ...(form === 'foreign' ? { others: 'old' as const } : {}),
  };
}
