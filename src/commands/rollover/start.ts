import { resolve } from 'node:path';
import { hasRoot } from '../../backup/content.ts';
import { ceremonyStep } from '../../ceremony/steps.ts';
import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { readInventory } from '../../inventory/read.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { domainStore } from '../../keystore/unlock.ts';
import { anchorObject, readForeignRoot } from '../../rollover/anchor-file.ts';
import { documentBefore, rolloverDocument, type StepObject } from '../../rollover/document.ts';
import { rootInForce } from '../../rollover/make-hierarchy.ts';
import { renderRollover } from '../../rollover/render.ts';
import { checkStart, requireOwnRoot, type StartRequest, startRollover } from '../../rollover/start.ts';
import { requireNoAgents } from '../../rollover/takeover.ts';
import { withDomains } from '../../unlocking.ts';
import { formatDuration } from '../../values/duration.ts';
import { runStartCeremony } from './start-ceremony.ts';
import { runIssuing } from './start-issuing.ts';
import { emergencyOf, keepIn, plannedSteps, type RolloverStartOptions } from './start-options.ts';

/** Starts a rollover of one of its three forms, or takes a step of the ceremony for one. */
export async function runRolloverStart(ctx: Context, options: RolloverStartOptions): Promise<void> {
  const step = ceremonyStep(options);
  checkForm(options);
  if (step !== undefined) return runStartCeremony(ctx, options, step);
  if (options.out !== undefined) throw new ClusterCaError('ERR_USAGE', '--out goes with --sign');
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  await (options.issuing ? runIssuing(ctx, keystore, options) : runRoot(ctx, keystore, options));
}

function checkForm(options: RolloverStartOptions): void {
  const forms = (['root', 'issuing', 'fromAnchor'] as const).filter((form) => options[form]);
  if (forms.length > 1) throw new ClusterCaError('ERR_USAGE', '--root, --issuing and --from-anchor exclude each other');
  const refuse = (flag: string, why: string): ClusterCaError => new ClusterCaError('ERR_USAGE', `${flag} ${why}`);
  if (options.deadline !== undefined && !options.emergency) throw refuse('--deadline', 'goes with --emergency');
  if (options.issuing) {
    if (options.emergency) throw refuse('--emergency', 'is of a root: a new issuing CA under it has no phases');
    if (options.backup !== undefined) throw refuse('--backup', 'is of a root; keystore backup makes one at any time');
    return;
  }
  if (options.issuingCert !== undefined) throw refuse('--issuing-cert', 'goes with --issuing');
  if (options.domain !== undefined) throw refuse('--domain', 'goes with --issuing');
  if (options.permitIp !== undefined) throw refuse('--permit-ip', 'goes with --issuing');
}

async function runRoot(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  const path = options.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path !== undefined) inventoryItems(readInventory(path), keystore.state);
  if (options.fromAnchor === undefined) requireOwnRoot(keystore);
  checkStart(keystore, ctx.now(), options.fromAnchor === undefined ? 'root' : 'foreign');
  const foreign = options.fromAnchor === undefined ? undefined : foreignRoot(ctx, keystore, options.fromAnchor);
  if (foreign !== undefined) await requireNoAgents(keystore, ctx.now());
  const emergency = emergencyOf(options);
  const backup = options.backup === undefined ? undefined : resolve(ctx.cwd, options.backup);
  const steps = plannedSteps(keystore, foreign !== undefined, backup, emergency, options.dryRun ?? false);
  if (options.dryRun) {
    const document = { ...documentBefore(keystore.state, foreign?.certificate), steps, dryRun: true };
    return ctx.ui.result(document, (style) => renderRollover(document, style, ctx.now()));
  }
  const question = foreign
    ? `begin to replace ${options.fromAnchor} by ${rootInForce(keystore).id}`
    : `begin to replace ${rootInForce(keystore).id}`;
  if (emergency === undefined) await ctx.ui.confirm(`${question}?`, ctx.globals.yes ?? false);
  else
    await ctx.ui.confirmByName(
      `${question}; who misses a deadline of ${formatDuration(emergency.deadline)} is left out`,
      keystore.state.cluster,
      ctx.globals.confirm,
    );
  if (!foreign) domainStore(keystore, 'root');
  else if (backup !== undefined && !hasRoot(keystore))
    ctx.ui.warn("the root domain is kept elsewhere: the root CA's key is not in this backup. Give --root-keystore DIR");
  await withDomains(ctx, keystore, options, foreign === undefined, async (writer, { daily, root }) => {
    const request = {
      requestId: newRequestId(),
      root: root?.domain,
      foreign,
      emergency,
      ...keepIn(ctx, keystore, daily, options),
    };
    await writer.inTurn(ctx.globals.wait, () => startRollover(writer, request));
  });
  printStart(ctx, keystore, steps, backup === undefined ? {} : { files: [backup] });
}

function foreignRoot(ctx: Context, keystore: Keystore, file: string): NonNullable<StartRequest['foreign']> {
  const { certificate, crls } = readForeignRoot(resolve(ctx.cwd, file), ctx.now());
  const { fingerprint } = anchorObject(certificate);
  const own = keystore.state.authorities.find(
    ({ id }) => anchorObject(keystore.authorityCertificate(id)).fingerprint === fingerprint,
  );
  if (own !== undefined)
    throw new ClusterCaError('ERR_STATE', `${file} is ${own.id} of this keystore: there is nothing to take over`, {
      hint: 'a CA of our own is replaced by: cluster-ca rollover start',
    });
  return { certificate: certificate.der, crls };
}

export function printStart(ctx: Context, keystore: Keystore, steps: StepObject[], more: object): void {
  const document = { ...rolloverDocument(keystore.state), steps, ...more };
  ctx.ui.result(document, (style) => renderRollover(document, style, ctx.now()));
}
