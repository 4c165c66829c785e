import { resolve } from 'node:path';
import { hasRoot } from '../../backup/content.ts';
import { checkBackupPlace } from '../../backup/place.ts';
import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { readInventory } from '../../inventory/read.ts';
import type { Secret } from '../../keystore/envelope/slot.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { domainStore } from '../../keystore/unlock.ts';
import { anchorObject, readForeignRoot } from '../../rollover/anchor-file.ts';
import { rolloverDocument, type StepObject } from '../../rollover/document.ts';
import { rootInForce } from '../../rollover/make-hierarchy.ts';
import { type PlannedIssuing, planIssuing, startIssuing } from '../../rollover/new-issuing.ts';
import { renderRollover } from '../../rollover/render.ts';
import { checkStart, type StartRequest, startRollover } from '../../rollover/start.ts';
import {
  closeOpened,
  type OpenedDomain,
  requireClock,
  type UnlockOptions,
  unlockKeeping,
  writerOver,
} from '../../unlocking.ts';
import { formatDuration } from '../../values/duration.ts';

export interface RolloverStartOptions extends UnlockOptions {
  root?: boolean;
  issuing?: boolean;
  fromAnchor?: string;
  domain?: string[];
  permitIp?: string[];
  emergency?: boolean;
  deadline?: number;
  backup?: string;
  inventory?: string;
  dryRun?: boolean;
}

/** Seconds that a step of an emergency may take where nothing else is said. */
const DEADLINE = 300;

/** Starts a rollover of one of its three forms. */
export async function runRolloverStart(ctx: Context, options: RolloverStartOptions): Promise<void> {
  checkForm(options);
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
  if (options.domain !== undefined) throw refuse('--domain', 'goes with --issuing');
  if (options.permitIp !== undefined) throw refuse('--permit-ip', 'goes with --issuing');
}

async function runRoot(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  const path = options.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path !== undefined) inventoryItems(readInventory(path), keystore.state);
  checkStart(keystore, ctx.now());
  const foreign = options.fromAnchor === undefined ? undefined : foreignRoot(ctx, keystore, options.fromAnchor);
  const emergency = options.emergency ? { deadline: options.deadline ?? DEADLINE } : undefined;
  const backup = options.backup === undefined ? undefined : resolve(ctx.cwd, options.backup);
  const steps = plannedSteps(keystore, foreign !== undefined, backup, emergency, options.dryRun ?? false);
  if (options.dryRun) return print(ctx, keystore, steps, { dryRun: true });
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
  await requireClock(ctx, keystore);
  if (!foreign) domainStore(keystore, 'root');
  else if (backup !== undefined && !hasRoot(keystore))
    ctx.ui.warn("the root domain is kept elsewhere: the root CA's key is not in this backup. Give --root-keystore DIR");
  let daily: OpenedDomain | undefined;
  let root: OpenedDomain | undefined;
  try {
    daily = await unlockKeeping(ctx, keystore, 'daily', options);
    root = foreign ? undefined : await unlockKeeping(ctx, keystore, 'root', options);
    if (backup !== undefined) checkBackupPlace(backup, keystore.store.location);
    const { kind } = daily.domain.slot;
    const secret = daily.secrets.find((one) => one.kind === kind) as Secret;
    const request: StartRequest = {
      requestId: newRequestId(),
      root: root?.domain,
      foreign,
      emergency,
      keep: backup === undefined ? undefined : { path: backup, secret },
      onProgress: (text) => ctx.ui.progress(text),
    };
    const writer = await writerOver(ctx, keystore, daily.domain);
    await writer.inTurn(ctx.globals.wait, () => startRollover(writer, request));
  } finally {
    ctx.ui.endProgress();
    closeOpened(daily);
    closeOpened(root);
  }
  print(ctx, keystore, steps, backup === undefined ? {} : { files: [backup] });
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

function plannedSteps(
  { state }: Keystore,
  foreign: boolean,
  backup: string | undefined,
  emergency: { deadline: number } | undefined,
  dry: boolean,
): StepObject[] {
  const generation = 1 + Math.max(...state.authorities.map((one) => one.generation));
  const step = (would: string, done: string): StepObject => ({ phase: 'prepared', what: dry ? would : done });
  const hierarchy = `root-g${generation} and issuing-g${generation}.1, their CRLs, and a certificate of the new root by the old`;
  const keep = backup === undefined ? '' : `, and keep it in ${backup}`;
  const deadline = emergency && `a deadline of ${formatDuration(emergency.deadline)} for each step`;
  return [
    ...(foreign
      ? []
      : [
          step(`make ${hierarchy}`, `made ${hierarchy}`),
          step('have them verified by other code than made them', 'they were verified by other code than made them'),
        ]),
    step(
      `make a backup and restore it once${keep}`,
      `made a backup and restored it once${keep.replace('keep', 'kept')}`,
    ),
    ...(deadline === undefined ? [] : [step(`record ${deadline}`, `recorded ${deadline}`)]),
  ];
}

function print(ctx: Context, keystore: Keystore, steps: StepObject[], more: object): void {
  const document = { ...rolloverDocument(keystore.state), steps, ...more };
  ctx.ui.result(document, (style) => renderRollover(document, style, ctx.now()));
}

async function runIssuing(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  const widening = { domains: options.domain, permitIp: options.permitIp };
  const plan = planIssuing(keystore, widening);
  if (options.dryRun) return printIssuing(ctx, keystore, plan, true);
  await ctx.ui.confirm(`make ${plan.id}, which issues from now on?`, ctx.globals.yes ?? false);
  await requireClock(ctx, keystore);
  domainStore(keystore, 'root');
  let daily: OpenedDomain | undefined;
  let root: OpenedDomain | undefined;
  try {
    daily = await unlockKeeping(ctx, keystore, 'daily', options);
    root = await unlockKeeping(ctx, keystore, 'root', options);
    const writer = await writerOver(ctx, keystore, daily.domain);
    const { domain } = root;
    const made = await writer.inTurn(ctx.globals.wait, () => startIssuing(writer, domain, widening, newRequestId()));
    printIssuing(ctx, keystore, made, false);
  } finally {
    closeOpened(daily);
    closeOpened(root);
  }
}

function printIssuing(ctx: Context, keystore: Keystore, plan: PlannedIssuing, dry: boolean): void {
  const { id, subject, domains, permitIp } = plan;
  const ranges = permitIp.length === 0 ? 'no address' : permitIp.join(' ');
  const what = `${dry ? 'make' : 'made'} ${id}: names in ${domains.join(' ')} localhost, ${ranges}`;
  const state = rolloverDocument(keystore.state);
  const document = {
    ...state,
    issuing: { id, subject, domains, permitIp },
    steps: [{ phase: state.phase, what }],
    // Who checks CRLs refuses certificates of an issuing CA whose CRL it has not: that goes out first.
    next: 'cluster-ca deploy --inventory cluster.yaml, for the new CRL; then cluster-ca rotate --all --deploy --inventory cluster.yaml',
    ...(dry ? { dryRun: true } : {}),
  };
  ctx.ui.result(document, (style) => renderRollover(document, style, ctx.now()));
}
