import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystoreToWrite } from '../context.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { renderDeploy } from '../deployment/render.ts';
import { dryRunDeployment, runDeployment } from '../deployment/run.ts';
import { selectUnits } from '../deployment/select.ts';
import { verdictOf } from '../deployment/verdict.ts';
import { ClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import { isArchive } from '../issuance/issue-fleet.ts';
import { openWriter, requireClock, type UnlockOptions } from '../unlocking.ts';
import { readLegalHolder } from '../what/holder.ts';
import { dryRun, withDeployment, withPassphrase } from './options.ts';

export interface DeployOptions extends UnlockOptions {
  inventory?: string;
  from?: string;
  maxUnavailable?: number;
  cycleConnections?: boolean;
  dryRun?: boolean;
}

export function deployCommand(ctx: Context, run = runDeploy): Command {
  const command = new Command('deploy')
    .summary('put what was issued into live servers, and confirm what they serve')
    .argument('[names...]', 'nodes and clients (default: all of the inventory)')
    .option('--inventory <file>', 'the cluster.yaml with the services')
    .option('--from <dir>', 'the --out directory that has the keys (default: here)');
  return dryRun(withPassphrase(withDeployment(command))).action((names, options) => run(ctx, names, options));
}

export async function runDeploy(ctx: Context, names: string[], options: DeployOptions): Promise<void> {
  const holders = names.map(readLegalHolder);
  if (options.from !== undefined && isArchive(options.from))
    throw new ClusterCaError('ERR_USAGE', '--from takes a directory, not an archive', {
      hint: 'unpack it first: tar -xf FILE.tar -C DIR',
    });
  if (options.from !== undefined) checkDirectory(resolve(ctx.cwd, options.from));
  const path = inventoryPath(ctx, options.inventory);
  const keystore = await openKeystoreToWrite(ctx);
  const inventory = readInventory(path);
  inventoryItems(inventory, keystore.state);
  const deployment: Deployment = {
    inventory,
    ...(await selectUnits(inventory, keystore.state.policy.planes, holders)),
    from: options.from ?? '.',
    atOnce: options.maxUnavailable ?? 1,
    cycle: options.cycleConnections ?? false,
    named: names.length > 0,
  };
  if (options.dryRun) {
    const plan = await dryRunDeployment(ctx, keystore, deployment);
    ctx.ui.result(plan, (style) => renderDeploy(plan, style));
    const failed = verdictOf({ services: plan.services.filter(({ state }) => state === 'failed') });
    if (failed !== undefined) throw failed;
    return;
  }
  const nodes = [...new Set(deployment.units.map(({ holder }) => holder.name))];
  await ctx.ui.confirm(
    `deploy to ${nodes.length === 1 ? nodes[0] : `${nodes.length} nodes`}?`,
    (ctx.globals.yes ?? false) || nodes.length === 0,
  );
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  try {
    const document = await runDeployment(ctx, writer, deployment);
    ctx.ui.result(document, (style) => renderDeploy(document, style));
    const verdict = verdictOf(document);
    if (verdict !== undefined) throw verdict;
  } finally {
    writer.daily.close();
  }
}

/** @throws ERR_USAGE */
function checkDirectory(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory()) return;
  throw new ClusterCaError(
    'ERR_USAGE',
    `--from: ${path} ${status === undefined ? 'does not exist' : 'is not a directory'}`,
    {
      hint: 'say the directory that --out was: it has NODE/PLANE/key.pem',
    },
  );
}

/** The inventory's path. @throws ERR_USAGE when none is said */
export function inventoryPath(ctx: Context, given: string | undefined, question = 'deploy to what?'): string {
  const path = given ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path !== undefined) return path;
  throw new ClusterCaError('ERR_USAGE', question, {
    hint: 'say the inventory with the services: --inventory cluster.yaml',
  });
}
