import type { Context } from '../context.ts';
import { ClusterCaError, isClusterCaError } from '../errors.ts';
import { readInventory } from '../inventory/read.ts';
import { describeItem, type IssueItem } from '../issuance/item.ts';
import { renderIssue } from '../issuance/render.ts';
import type { IssueResult } from '../issuance/result.ts';
import { failureOf, type Issuance, issueWith } from '../issuance/run.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { paragraph } from '../ui/text/lines.ts';
import { openWriter, requireClock } from '../unlocking.ts';
import type { Deployment } from './deployment.ts';
import type { DeployDocument } from './document.ts';
import { renderDeploy } from './render.ts';
import { runDeployment } from './run.ts';
import { selectUnits } from './select.ts';
import type { Unit } from './unit.ts';
import { verdictOf } from './verdict.ts';

/** What `rotate` says about the deployment that follows. */
export interface RotationFlags {
  out?: string;
  maxUnavailable?: number;
  cycleConnections?: boolean;
  /** What an earlier run has left undone, and is to be done now. */
  isUndone?: (unit: Unit) => boolean;
}

export const NOTHING_ISSUED: IssueResult = { certificates: [], unchanged: [], failed: [] };

/** New certificates first, all of them; then they are deployed, wave by wave. */
export async function rotateAndDeploy(
  ctx: Context,
  keystore: Keystore,
  issuance: Issuance,
  deployment: Deployment,
  staged: boolean,
): Promise<void> {
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, issuance.unlock);
  try {
    const issued = issuance.items.length === 0 ? NOTHING_ISSUED : await issueWith(ctx, writer, issuance);
    const failure = failureOf(issued);
    if (failure !== undefined && failure.code !== 'ERR_PARTIAL') throw failure;
    const document = await deployIssued(ctx, writer, deployment, issued);
    const { services, waves } = document;
    // The files of a staged key are gone again: what counts is in the services' directories.
    const shown = staged ? withoutFiles(issued) : issued;
    ctx.ui.result({ ...shown, services, waves }, (style) =>
      [
        // What was made is in the services; what was not is said here.
        ...(issued.failed.length > 0 ? [renderIssue(shown, style, true), ''] : []),
        renderDeploy(document, style),
        ...(staged || issued.certificates.length === 0
          ? []
          : paragraph(`the files are below ${issuance.out} too`, style, 0, style.dim)),
      ].join('\n'),
    );
    const verdict = verdictOf(document) ?? failure;
    if (verdict !== undefined) throw verdict;
  } finally {
    writer.daily.close();
  }
}

function withoutFiles(issued: IssueResult): IssueResult {
  return {
    ...issued,
    certificates: issued.certificates.map(({ files: _, ...made }) => made),
    unchanged: issued.unchanged.map(({ files: _, ...made }) => made),
  };
}

/** A failure behind the commit: the certificates are issued, their keys are kept, and `deploy` goes on. */
async function deployIssued(
  ctx: Context,
  writer: KeystoreWriter,
  deployment: Deployment,
  { certificates }: IssueResult,
): Promise<DeployDocument> {
  try {
    return await runDeployment(ctx, writer, { ...deployment, fresh: certificates.length > 0 });
  } catch (error) {
    if (!isClusterCaError(error) || certificates.length === 0) throw error;
    throw new ClusterCaError(error.code, `${error.message}; what was issued is not deployed`, {
      hint: 'when that is mended, cluster-ca deploy --inventory FILE does it',
      details: { ...error.details, committed: [...certificates].map(({ serial }) => serial) },
      cause: error,
    });
  }
}

/** What is rotated is deployed, and what an earlier run has left undone. Without --out a key would otherwise be nowhere. @throws ERR_CONFIG */
export async function deploymentOf(
  keystore: Keystore,
  path: string,
  items: readonly IssueItem[],
  options: RotationFlags,
): Promise<Deployment> {
  const inventory = readInventory(path);
  const { all } = await selectUnits(inventory, keystore.state.policy.planes, []);
  const has = ({ kind, name, plane }: IssueItem): boolean =>
    all.some(({ holder, plane: own }) => holder.kind === kind && holder.name === name && own === plane);
  const without = items.filter((item) => !has(item));
  const [first] = without;
  if (first !== undefined && options.out === undefined)
    throw new ClusterCaError(
      'ERR_CONFIG',
      `${path} has no services of ${describeItem(first)}${without.length > 1 ? ` (and ${without.length - 1} more)` : ''}: its new key would have no place`,
      {
        hint: `add its services to the inventory, or say --out DIR${first.plane === '' ? '' : ', or leave it out: --plane OTHER'}`,
      },
    );
  const units = all.filter(
    (unit) =>
      options.isUndone?.(unit) ||
      items.some(
        ({ kind, name, plane }) => kind === unit.holder.kind && name === unit.holder.name && plane === unit.plane,
      ),
  );
  const { maxUnavailable = 1, cycleConnections = false } = options;
  return { inventory, all, units, from: options.out ?? '.', atOnce: maxUnavailable, cycle: cycleConnections };
}
