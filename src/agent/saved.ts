import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PUBLIC_RESULT, writeResultFile } from '../placement/result-file.ts';
import { type Desired, desiredSchema } from './protocol.ts';

/** What the daemon has said last, beside the planes of the node: an agent that starts while the CA is away has it. */
const NAME = 'desired.json';

/** Undefined when there is none, or none that is understood. */
export function readDesired(out: string, node: string): Desired | undefined {
  try {
    return desiredSchema.parse(JSON.parse(readFileSync(join(out, node, NAME), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Nothing of it is secret. @throws ERR_STORAGE */
export async function saveDesired(out: string, node: string, desired: Desired): Promise<void> {
  await writeResultFile(
    join(out, node, NAME),
    new TextEncoder().encode(`${JSON.stringify(desiredSchema.parse(desired))}\n`),
    PUBLIC_RESULT,
  );
}
