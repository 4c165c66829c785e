import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';

export interface DriftFlags {
  inventory?: string;
}

export async function runDrift(_ctx: Context, _text: string | undefined, _flags: DriftFlags): Promise<void> {
  throw new ClusterCaError('ERR_USAGE', 'verify what?', { hint: 'give a file, a node, a serial number or HOST:PORT' });
}
