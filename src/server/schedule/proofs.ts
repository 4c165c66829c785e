import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { recordProofs } from '../../rollover/evidence/gather.ts';
import { agentNodesOf } from '../../rollover/running/agent-nodes.ts';
import { ServedAgents } from '../agents/proofs.ts';
import type { Service } from '../service.ts';

/** The command line cannot reach agents: it asks in the log, and is answered there, as long as it takes. */
export async function proveForOthers(service: Service, { state: { rollover } }: Keystore): Promise<void> {
  const { asked = -1, answered = -1 } = rollover ?? {};
  if (asked <= answered) return;
  const { writer, ctx, agents, journal } = service;
  await writer.keystore.refresh();
  const nodes = await agentNodesOf(writer.keystore, ctx.now());
  const proofs = await new ServedAgents(service).prove(nodes);
  if (agents.isStopped) return;
  await recordProofs(writer, ctx.globals.wait, newRequestId(), proofs, asked);
  journal.say('proofs', { asked, nodes });
}
