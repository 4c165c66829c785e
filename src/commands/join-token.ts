import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystoreToWrite } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import { checkNodeName, checkPlanes } from '../issuance/names.ts';
import { endTokens, LONGEST_TTL, makeToken, openTokens, trustedRoots } from '../joining/make-token.ts';
import { nextStep, type TokenDocument } from '../joining/render.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { SECRET_RESULT, writeResultFile } from '../placement/result-file.ts';
import { openWriter, requireClock, type UnlockOptions } from '../unlocking.ts';
import { formatTime } from '../values/time.ts';
import { dryRun, duration, repeatable, withPassphrase } from './options.ts';

interface JoinTokenOptions extends UnlockOptions {
  ttl?: number;
  plane?: string[];
  inventory?: string;
  out?: string;
  end?: boolean;
  dryRun?: boolean;
}

export function joinTokenCommand(ctx: Context, run = runJoinToken): Command {
  const command = new Command('join-token')
    .summary('make a token with which one new node joins, once')
    .argument('<node>', "the node's name")
    .addOption(duration('--ttl <duration>', 'how long it is good for, at most 1h (default: 1h)'))
    .addOption(repeatable('--plane <plane>', "for this plane (default: the inventory's, else the cluster's)"))
    .option('--inventory <file>', 'the cluster.yaml that names the planes of the node')
    .option('--out <file>', 'write the token to this file, 0600, instead of printing it')
    .option('--end', 'make none: end those of the node that were not used, when one is lost');
  return dryRun(withPassphrase(command)).action((node, options) => run(ctx, node, options));
}

export async function runJoinToken(ctx: Context, node: string, options: JoinTokenOptions): Promise<void> {
  checkNodeName(node);
  if (options.end) return runEnd(ctx, node, options);
  const { ttl = LONGEST_TTL } = options;
  if (ttl > LONGEST_TTL)
    throw new ClusterCaError('ERR_POLICY', 'a join token is good for an hour at most', { hint: '--ttl 1h' });
  const keystore = await openKeystoreToWrite(ctx);
  const planes = planesOf(ctx, keystore, node, options);
  const out = options.out === undefined ? undefined : resolve(ctx.cwd, options.out);
  if (out !== undefined && existsSync(out))
    throw new ClusterCaError('ERR_EXISTS', `${out} is there already`, { hint: 'choose another --out' });
  if (options.dryRun) {
    const expiresAt = formatTime(ctx.now().getTime() + ttl * 1000);
    const document = { node, planes, expiresAt, roots: trustedRoots(keystore, ctx.now()), dryRun: true };
    ctx.ui.result(document, () => `would make a token for ${node} (${planes.join(', ')}), good until ${expiresAt}`);
    return;
  }
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  try {
    const { token, ...made } = await makeToken(writer, { node, planes, ttl }, ctx.globals.wait);
    if (out !== undefined) await writeResultFile(out, new TextEncoder().encode(`${token}\n`), SECRET_RESULT);
    const document: TokenDocument = { ...made, ...(out === undefined ? { token } : { files: [out] }) };
    const about = `a token for ${node} (${planes.join(', ')}), for one use, good until ${made.expiresAt}`;
    ctx.ui.result(document, () => (out === undefined ? token : `wrote ${about}: ${out}\n${nextStep(made, out)}`));
    if (out === undefined) ctx.ui.note(`${about}\n${nextStep(made)}`);
  } finally {
    writer.daily.close();
  }
}

async function runEnd(
  ctx: Context,
  node: string,
  { ttl, plane, inventory, out, ...options }: JoinTokenOptions,
): Promise<void> {
  if ([ttl, plane, inventory, out].some((value) => value !== undefined))
    throw new ClusterCaError('ERR_USAGE', '--end takes no --ttl, --plane, --inventory or --out');
  const keystore = await openKeystoreToWrite(ctx);
  if (options.dryRun) {
    const ended = openTokens(keystore, node, ctx.now()).length;
    return ctx.ui.result({ node, ended, dryRun: true }, () => `would end ${ended} open tokens of ${node}`);
  }
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  try {
    const ended = await endTokens(writer, node, ctx.globals.wait);
    ctx.ui.result(
      { node, ended },
      () => `ended ${ended} open tokens of ${node}; who has joined stays: cluster-ca revoke ${node}`,
    );
  } finally {
    writer.daily.close();
  }
}

/** @throws ERR_USAGE for a plane that the cluster has not; ERR_CONFIG for an inventory that is not understood */
function planesOf(ctx: Context, keystore: Keystore, node: string, options: JoinTokenOptions): string[] {
  const { policy } = keystore.state;
  if (options.plane !== undefined) return checkPlanes(options.plane, policy);
  const path = options.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path === undefined) return policy.planes;
  const listed = inventoryItems(readInventory(resolve(ctx.cwd, path)), keystore.state);
  const own = listed.filter(({ kind, name }) => kind === 'node' && name === node).map(({ plane }) => plane);
  if (own.length > 0) return own;
  ctx.ui.warn(`${node} is not in ${path}: its certificates will have the names that issue gives by default`);
  return policy.planes;
}
