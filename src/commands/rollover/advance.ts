import type { CeremonyOptions } from '../../ceremony/options.ts';
import { type Context, openKeystore, openKeystoreToWrite } from '../../context.ts';
import { unitsFromHere } from '../../deployment/select.ts';
import type { Unit } from '../../deployment/unit.ts';
import { verdictOf } from '../../deployment/verdict.ts';
import { isClusterCaError } from '../../errors.ts';
import { inventoryItems } from '../../inventory/items.ts';
import { type Inventory, readInventory } from '../../inventory/read.ts';
import { hasDestroyed } from '../../keystore/destroyed.ts';
import { inProgress, phaseOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { hasUnnamed, isOfThePast } from '../../keystore/unnamed.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import { servicesOf, situationByLog } from '../../rollover/evidence/by-log.ts';
import { stepText } from '../../rollover/planning/board.ts';
import { type Direction, nextStep } from '../../rollover/planning/planner.ts';
import type { Holder } from '../../rollover/planning/subject.ts';
import { renderRolloverBoard } from '../../rollover/render/command.ts';
import { requireRollover } from '../../rollover/require-rollover.ts';
import { blockedError } from '../../rollover/running/blocked.ts';
import { boardByLog, boardOf, type RolloverBoard, withHosts } from '../../rollover/running/board.ts';
import { acceptedBehind, excludeHolders } from '../../rollover/running/exclude.ts';
import { gatedHolder } from '../../rollover/running/holder.ts';
import { LoggedAgents } from '../../rollover/running/logged-agents.ts';
import type { RunRequest } from '../../rollover/running/request.ts';
import { runRollover } from '../../rollover/running/run.ts';
import type { Style } from '../../ui/text/style.ts';
import { closeOpened, type OpenedDomain, openWriter, requireClock, unlockKeeping } from '../../unlocking.ts';
import { inventoryPath } from '../deploy.ts';

export interface RolloverRunOptions extends CeremonyOptions {
  inventory?: string;
  exclude?: string[];
  maxUnavailable?: number;
  cycleConnections?: boolean;
}

/** Which way, and how far. */
export interface Course {
  direction: Direction;
  until: 'step' | 'end';
  question: string;
}

/** Where the root domain is on another machine: what came from there, and what the run has to leave for it. */
export interface CarriedRoot {
  carried: NonNullable<RunRequest['carried']>;
  /** Behind the run: what the document has besides, and lines for people. */
  after: (writer: KeystoreWriter) => Promise<{ document: object; lines: (style: Style) => string[] }>;
}

/** `advance`, `run` and `rollback`: the same, but for the direction and where they stop. */
export async function runRolloverOn(
  ctx: Context,
  options: RolloverRunOptions,
  course: Course,
  elsewhere?: CarriedRoot,
): Promise<void> {
  const question = 'whose services are to be taken along?';
  if (options.inventory === undefined && ctx.env.CLUSTER_CA_INVENTORY === undefined) await sayThatNoneIs(ctx);
  const path = inventoryPath(ctx, options.inventory, question);
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  const inventory = readInventory(path);
  inventoryItems(inventory, keystore.state);
  if (!options.dryRun) await finishDestroying(ctx, keystore, options);
  const isAtItsEnd = course.direction === 'forward' && course.until === 'end' && phaseOf(keystore.state) === 'done';
  if (isAtItsEnd && (options.exclude ?? []).length === 0) return printDone(ctx, keystore, inventory, options);
  requireRollover(keystore.state);
  const units = await unitsFromHere(inventory, keystore.state);
  const excluded: Holder[] = [];
  for (const name of options.exclude ?? []) excluded.push(await gatedHolder(keystore, inventory, name));
  if (options.dryRun) return printPlan(ctx, keystore, inventory, course, excluded);
  await ask(ctx, keystore, course, excluded);
  await requireClock(ctx, keystore);
  const writer = await openWriter(ctx, keystore, options);
  try {
    if (excluded.length > 0) {
      await writer.inTurn(ctx.globals.wait, () => excludeHolders(writer, newRequestId(), excluded));
      ctx.ui.warn('what is left out stays trusted by servers that read no CRL, until retire is proven');
      for (const name of await acceptedBehind(keystore, excluded, ctx.now()))
        ctx.ui.warn(
          `${name} has a certificate of the new root: they accept that one until it ends, or it is cut off behind this rollover: cluster-ca revoke ${name} --cut-off`,
        );
    }
    await go(ctx, writer, { inventory, units }, options, course, elsewhere);
  } finally {
    writer.daily.close();
  }
}

/** A run that is already where it goes to: a pipeline that is run again is no error. */
async function printDone(
  ctx: Context,
  keystore: Keystore,
  inventory: Inventory,
  { dryRun = false }: RolloverRunOptions,
): Promise<void> {
  const board = await boardByLog(keystore, inventory, ctx.now(), { steps: [], ...(dryRun ? { dryRun } : {}) });
  ctx.ui.result(board, (style) => ['nothing to do', renderRolloverBoard(board, style, ctx.now())].join('\n'));
}

async function go(
  ctx: Context,
  writer: KeystoreWriter,
  { inventory, units }: { inventory: Inventory; units: readonly Unit[] },
  options: RolloverRunOptions,
  course: Course,
  elsewhere: CarriedRoot | undefined,
): Promise<void> {
  const { keystore } = writer;
  let root: OpenedDomain | undefined;
  try {
    const ran = await withHosts((hosts) =>
      runRollover(ctx, writer, hosts, {
        ...course,
        inventory,
        units,
        services: servicesOf(keystore, inventory) ?? [],
        atOnce: options.maxUnavailable ?? 1,
        cycle: options.cycleConnections ?? false,
        carried: elsewhere?.carried,
        warn: (message) => ctx.ui.warn(message),
        agents: new LoggedAgents(writer, ctx.globals.wait, (text) => ctx.ui.progress(text)),
        root: async () => {
          root ??= await unlockKeeping(ctx, keystore, 'root', options);
          return root;
        },
      }),
    );
    if (ran.blocked !== undefined) throw blockedError(phaseOf(keystore.state), ran.blocked);
    const { direction } = course;
    const { deployed, steps } = ran;
    const document = { ...boardOf(keystore, ran.situation, direction, deployed), steps, deployed };
    const more = await elsewhere?.after(writer);
    ctx.ui.result({ ...document, ...more?.document }, (style) =>
      [renderRolloverBoard(document, style, ctx.now()), ...(more?.lines(style) ?? [])].join('\n'),
    );
    const verdict = verdictOf({ services: ran.deployed });
    if (verdict !== undefined) throw verdict;
  } finally {
    closeOpened(root);
  }
}

/**
 * A last step that was killed behind its record has left the files of keys that it has destroyed. Who runs it again hears
 * that the rollover is done; so it is done first.
 */
async function finishDestroying(ctx: Context, keystore: Keystore, options: RolloverRunOptions): Promise<void> {
  const isDead = isOfThePast(keystore, ctx.now(), keystore.state.time);
  if (inProgress(keystore.state) || !((await hasDestroyed(keystore)) || (await hasUnnamed(keystore, isDead)))) return;
  const writer = await openWriter(ctx, keystore, options);
  try {
    // Every writer's turn ends with removing them.
    await writer.inTurn(ctx.globals.wait, async () => {});
  } finally {
    writer.daily.close();
  }
}

/** Where no rollover is in progress, nobody has to say which services it would be of. @throws ERR_STATE */
async function sayThatNoneIs(ctx: Context): Promise<void> {
  const keystore = await openKeystore(ctx).catch((error: unknown) => {
    if (!isClusterCaError(error)) throw error;
    return undefined;
  });
  if (keystore !== undefined) requireRollover(keystore.state);
}

/** To leave somebody out is severe; the rest is moderate. */
async function ask(ctx: Context, keystore: Keystore, course: Course, excluded: readonly Holder[]): Promise<void> {
  const { cluster } = keystore.state;
  const { yes = false, confirm } = ctx.globals;
  if (excluded.length === 0) return ctx.ui.confirm(`${course.question} from ${phaseOf(keystore.state)}?`, yes);
  const names = excluded.map(({ name }) => name).join(', ');
  await ctx.ui.confirmByName(
    `${course.question}, and leave out ${names}, whose certificates are revoked`,
    cluster,
    confirm,
  );
}

/** By the last proofs, with their age: nobody is asked. */
async function printPlan(
  ctx: Context,
  keystore: Keystore,
  inventory: Inventory,
  { direction }: Course,
  excluded: readonly Holder[],
): Promise<void> {
  const now = ctx.now();
  const situation = await situationByLog(keystore, inventory, now);
  const { rollover } = situation;
  const left = { ...situation, rollover: { ...rollover, excluded: [...rollover.excluded, ...excluded] } };
  const step = nextStep(left, { direction });
  const steps = [
    ...excluded.map(({ name }) => ({ phase: rollover.phase, what: `leave out ${name}, and revoke its certificates` })),
    { phase: rollover.phase, what: stepText(step, rollover.form) },
  ];
  const document: RolloverBoard = {
    ...(await boardByLog(keystore, inventory, now, { direction })),
    steps,
    dryRun: true,
  };
  ctx.ui.result(document, (style) => renderRolloverBoard(document, style, now));
}
