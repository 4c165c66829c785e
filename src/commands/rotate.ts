import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystoreToWrite } from '../context.ts';
import { rotationPlan } from '../deployment/plan.ts';
import { isLeftUndone } from '../deployment/recorded.ts';
import { renderDeploy } from '../deployment/render.ts';
import { deploymentOf, NOTHING_ISSUED, rotateAndDeploy } from '../deployment/rotate.ts';
import { checkDeployFlags, refuseLive } from '../deployment/rotation-flags.ts';
import { isStaged, makeStaging, stagingDirectory } from '../deployment/staging.ts';
import type { Unit } from '../deployment/unit.ts';
import { ClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import { csrKeyType, findCsrs, readCsr } from '../issuance/csr-input.ts';
import { hasLeftovers } from '../issuance/finish.ts';
import type { IssueItem } from '../issuance/item.ts';
import { checkHolderName, checkPlanes } from '../issuance/names.ts';
import { renderIssue } from '../issuance/render.ts';
import { checkRequestId, rotationHash } from '../issuance/request-hash.ts';
import { checkItems, type Issuance, planIssuance, runIssuance } from '../issuance/run.ts';
import { holderKey } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { fileAccess } from '../placement/access.ts';
import { selectForRotation } from '../rotation/select.ts';
import type { UnlockOptions } from '../unlocking.ts';
import { readHolder } from '../what/holder.ts';
import { inventoryPath } from './deploy.ts';
import { printIssue } from './issue.ts';
import { dryRun, repeatable, withDeployment, withPassphrase, withPlacement } from './options.ts';

interface RotateOptions extends UnlockOptions {
  all?: boolean;
  due?: boolean;
  plane?: string[];
  inventory?: string;
  out?: string;
  csrDir?: string;
  owner?: string;
  keyMode?: string;
  requestId?: string;
  deploy?: boolean;
  maxUnavailable?: number;
  cycleConnections?: boolean;
  dryRun?: boolean;
}

export function rotateCommand(ctx: Context, run = runRotate): Command {
  const command = new Command('rotate')
    .summary('give nodes and clients new keys and certificates')
    .argument('[names...]', 'nodes and clients')
    .option('--all', 'everything that is not revoked')
    .option('--due', 'what is due or expired')
    .addOption(repeatable('--plane <plane>', 'on this plane only'))
    .option('--inventory <file>', 'with the names, profile and key type that cluster.yaml gives them')
    .option('--csr-dir <dir>', 'certify the keys of DIR/NODE/PLANE/request.pem, and write beside them')
    .option('--request-id <id>', 'make the same request again without rotating twice')
    .option(
      '--deploy',
      "then deploy; without --out the keys go to the services' directories only; with --all and --due also what an earlier run left undone",
    );
  return dryRun(
    withPassphrase(withDeployment(withPlacement(command, '{cert,key,ca}', 'files'), 'with --deploy: ')),
  ).action((names, options) => run(ctx, names, options));
}

export async function runRotate(ctx: Context, names: string[], options: RotateOptions): Promise<void> {
  const { all = false, due = false } = options;
  if (names.length > 0 && all) throw new ClusterCaError('ERR_USAGE', '--all goes with no NODE');
  if (all && due) throw new ClusterCaError('ERR_USAGE', '--all and --due exclude each other');
  if (names.length === 0 && !all && !due)
    throw new ClusterCaError('ERR_USAGE', 'which node?', { hint: 'cluster-ca rotate NODE, --due or --all' });
  for (const text of names) checkHolderName(readHolder(text).name);
  checkDeployFlags(options);
  const access = fileAccess(options);
  const requestId = options.requestId === undefined ? newRequestId() : checkRequestId(options.requestId);
  const keystore = await openKeystoreToWrite(ctx);
  const planes = options.plane && checkPlanes(options.plane, keystore.state.policy);
  const selected = await selectForRotation(keystore, { names, all, due, planes, now: ctx.now() });
  const path = options.inventory ?? (options.deploy ? inventoryPath(ctx, undefined) : undefined);
  const items = withRequests(withInventory(selected, path, keystore), options.csrDir, keystore);
  const staging = stagingDirectory(ctx.env, keystore.identity.id);
  const isUndone = ({ holder, plane }: Unit): boolean =>
    names.length === 0 &&
    (planes === undefined || planes.includes(plane)) &&
    (isLeftUndone(keystore.state, holder, plane) || isStaged(staging, { ...holder, plane }));
  const deployment =
    options.deploy && path !== undefined
      ? await deploymentOf(keystore, path, items, { ...options, isUndone })
      : undefined;
  const staged = deployment !== undefined && options.out === undefined && options.csrDir === undefined;
  const issuance: Issuance = {
    items,
    out: staged ? (staging ?? '') : resolve(ctx.cwd, options.out ?? options.csrDir ?? '.'),
    access: staged ? { keyMode: 0o600 } : access,
    requestId,
    requestHash: rotationHash({ names, all, due, planes: planes ?? [] }),
    forceNew: true,
    skipRevoked: true,
    partial: names.length === 0,
    unlock: options,
    revokePrevious: undefined,
  };
  if (!staged) refuseLive(deployment?.units ?? [], issuance.out as string);
  checkItems(items, keystore, ctx.now());
  if (options.dryRun) {
    const plan = await planIssuance(keystore, issuance, ctx.now());
    const services = deployment && rotationPlan(deployment);
    ctx.ui.result({ ...plan, ...services }, (style) =>
      [renderIssue(plan, style), ...(services ? [renderDeploy(services, style)] : [])].join('\n\n'),
    );
    return;
  }
  if (deployment === undefined) {
    const nothing = items.length === 0 && !(await hasLeftovers(issuance.out as string, access));
    const result = nothing ? NOTHING_ISSUED : await runIssuance(ctx, keystore, issuance);
    printIssue(ctx, result, issuance.out);
    return;
  }
  if (deployment.units.length === 0 && items.length === 0) {
    const nothing = { services: [], waves: [] };
    ctx.ui.result({ ...NOTHING_ISSUED, ...nothing }, (style) => renderDeploy(nothing, style));
    return;
  }
  await ctx.ui.confirm(
    `rotate ${items.length === 1 ? '1 certificate' : `${items.length} certificates`} and deploy?`,
    (ctx.globals.yes ?? false) || due || items.length === 0,
  );
  if (staged) await makeStaging(staging);
  await rotateAndDeploy(ctx, keystore, issuance, { ...deployment, from: issuance.out as string }, staged);
}

/** Names, profile and key type from the inventory, where it has the holder. */
function withInventory(items: IssueItem[], path: string | undefined, keystore: Keystore): IssueItem[] {
  if (path === undefined) return items;
  const wanted = new Map(
    inventoryItems(readInventory(path), keystore.state).map((item): [string, IssueItem] => [holderKey(item), item]),
  );
  return items.map((item) => wanted.get(holderKey(item)) ?? item);
}

/** Keys from certification requests: only the holders that have one are rotated. */
function withRequests(items: IssueItem[], directory: string | undefined, keystore: Keystore): IssueItem[] {
  if (directory === undefined) return items;
  const found = findCsrs(directory, keystore.state.policy.planes);
  return items.flatMap((item) => {
    const csr = found.find(({ kind, name, plane }) => kind === item.kind && name === item.name && plane === item.plane);
    if (csr === undefined) return [];
    const accepted = readCsr(csr.path);
    return [
      {
        ...item,
        publicKey: accepted.csr.publicKey.der,
        keyType: csrKeyType(accepted, item.keyType),
        origin: () => csr.path,
      },
    ];
  });
}
