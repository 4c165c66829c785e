import type { Context } from '../context.ts';
import { type Address, formatAddress } from '../endpoint/address.ts';
import { ClusterCaError } from '../errors.ts';
import { stopSignal } from '../ui/interrupt.ts';
import { Journal } from '../ui/journal.ts';
import { Agent } from './agent.ts';
import { readAgentConfig } from './config.ts';
import { finishHolding, heldPlanes, readHolding } from './holding.ts';

export interface AgentFlags {
  server: Address;
  node: string;
  config: string;
  out: string;
}

/**
 * Runs the agent of a node until it is told to stop.
 * @throws ERR_CONFIG with line and column; ERR_NOT_FOUND for a node that has not joined
 */
export async function runAgent(ctx: Context, { server, node, config: path, out }: AgentFlags): Promise<void> {
  const config = readAgentConfig(path, node);
  const planes = config.planes ?? heldPlanes(out, node);
  // What its file says of planes means nothing for a node that has none.
  const units = planes.length === 0 ? [] : await config.units(planes);
  for (const plane of planes) await finishHolding(out, node, plane);
  const holdings = planes.flatMap((plane) => readHolding(out, node, plane) ?? []);
  if (!holdings.some(({ profile }) => profile !== 'server'))
    throw new ClusterCaError('ERR_NOT_FOUND', `${node} has no certificate below ${out} to speak to its CA with`, {
      hint: `it joins by a token: cluster-ca enroll --server URL --token-file FILE --out ${out}`,
    });
  const journal = new Journal(ctx.ui, ctx.now);
  const stopped = stopSignal();
  const { keyType } = config;
  const warn = (message: string): void => journal.say('warning', { message });
  const agent = new Agent({ server, node, planes, out, keyType, units, now: ctx.now, journal, warn });
  journal.say('started', {
    node,
    server: formatAddress(server),
    planes,
    services: units.flatMap(({ services }) => services.map(({ service }) => service.label)),
  });
  await agent.run(stopped);
  journal.say('stopped', { signal: await stopped });
}
