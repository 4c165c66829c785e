import { existsSync } from 'node:fs';
import type { Context } from '../context.ts';
import { isClusterCaError } from '../errors.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import type { Deployment } from './deployment.ts';
import type { ServiceObject } from './document.ts';
import { type Material, materialOf } from './material.ts';
import { deployedServices, goneServices, recordServices } from './recorded.ts';
import { clearStaging, type Done, stagingDirectory } from './staging.ts';
import type { Unit } from './unit.ts';

/** What a run has come to, unit by unit, and what it gave them. */
export interface Outcomes {
  outcomes: ReadonlyMap<Unit, readonly ServiceObject[]>;
  materials: ReadonlyMap<Unit, Material>;
}

/** Records what a run came to and forgets the staged keys. The services have what they have: what fails here is only said. */
export async function settle(
  ctx: Context,
  writer: KeystoreWriter,
  deployment: Deployment,
  found: Outcomes,
): Promise<void> {
  try {
    await record(ctx, writer, deployment, found);
    // Only the CRL: whatever keys are staged are still to come.
    if (!deployment.onlyCrl) await forgetKeys(ctx, writer, doneOf(deployment.all, found));
  } catch (error) {
    if (!isClusterCaError(error)) throw error;
    ctx.ui.warn(`what it came to is not in the log, and status does not know it: ${error.message}`);
  }
}

/** What is not as it was before: nothing when all is unchanged and nothing was open. */
async function record(
  ctx: Context,
  writer: KeystoreWriter,
  { units, all, onlyCrl = false }: Deployment,
  { outcomes, materials }: Outcomes,
): Promise<void> {
  const { undone = [] } = writer.keystore.state;
  const services = [
    ...deployedServices(units, outcomes, materials, undone, onlyCrl),
    ...goneServices(units, all, undone),
  ];
  await recordServices(writer, services, ctx.globals.wait);
}

/** Holders whose services all have what they should. */
function doneOf(all: readonly Unit[], { outcomes, materials }: Outcomes): Done[] {
  const open = new Set<string>();
  const key = ({ holder, plane }: Unit): string => `${holder.kind} ${holder.name} ${plane}`;
  for (const unit of all)
    if (!outcomes.get(unit)?.every(({ state }) => ['confirmed', 'placed', 'unchanged'].includes(state)))
      open.add(key(unit));
  return all.flatMap((unit): Done[] => {
    const publicKey = materials.get(unit)?.publicKey;
    if (open.has(key(unit)) || publicKey === undefined) return [];
    return [{ holder: { ...unit.holder, plane: unit.plane }, publicKey }];
  });
}

/** In the turn among the writers, so that none is committed meanwhile. */
async function forgetKeys(ctx: Context, writer: KeystoreWriter, done: readonly Done[]): Promise<void> {
  const { keystore } = writer;
  const directory = stagingDirectory(ctx.env, keystore.identity.id);
  if (directory === undefined || !existsSync(directory) || done.length === 0) return;
  const now = ctx.now();
  await writer.inTurn(ctx.globals.wait, () =>
    clearStaging(directory, done, async ({ plane, ...holder }) => {
      const current = await materialOf(keystore, { holder, plane }, [], now, { whatever: true });
      return current.publicKey;
    }),
  );
}
