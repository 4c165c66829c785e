import { type Context, openKeystoreToWrite } from '../context.ts';
import { type Accepting, acceptingUntil, crlAudience, publishRevocation } from '../deployment/publish-crl.ts';
import { unitsFromHere } from '../deployment/select.ts';
import { type CertificateObject, certificateObject } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import { inventoryItems } from '../inventory/items.ts';
import { readInventory } from '../inventory/read.ts';
import { clockSpan } from '../keystore/clock.ts';
import { inProgress, phaseOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { newRequestId } from '../keystore/request-id.ts';
import type { RevocationReason } from '../pki/revocation-reason.ts';
import { renderRevoke } from '../revocation/render.ts';
import { crlObject, type RevocationTarget, revokeCertificates } from '../revocation/revoke.ts';
import { revocationTargets } from '../revocation/targets.ts';
import type { StepObject } from '../rollover/document.ts';
import { servicesOf } from '../rollover/evidence/by-log.ts';
import { leftOut } from '../rollover/evidence/left-out.ts';
import { sideOfAuthority } from '../rollover/evidence/sides.ts';
import { holderKey } from '../rollover/planning/subject.ts';
import { refusals, refusalTable, refusing } from '../rollover/refusals.ts';
import { renderRolloverBoard } from '../rollover/render/command.ts';
import { blockedError } from '../rollover/running/blocked.ts';
import { boardByLog, type RolloverBoard, withHosts } from '../rollover/running/board.ts';
import { excludeHolders } from '../rollover/running/exclude.ts';
import { gatedHolder } from '../rollover/running/holder.ts';
import { LoggedAgents } from '../rollover/running/logged-agents.ts';
import { runRollover } from '../rollover/running/run.ts';
import { checkStart, requireOwnRoot, startRollover } from '../rollover/start.ts';
import { type UnlockOptions, withDomains } from '../unlocking.ts';
import { inventoryPath } from './deploy.ts';

export interface CutOffOptions extends UnlockOptions {
  reason: RevocationReason;
  plane?: string[];
  inventory?: string;
  dryRun?: boolean;
}

/**
 * Makes a revocation real where servers read no CRL: revokes, then replaces the root CA with the node left out, to the
 * end. Whoever holds a key of the node then has a certificate that nothing trusts. Killed, or stopped by a guard, the
 * same command goes on. Where the root's medium is on another machine, a rollover that was begun by a ceremony is taken as
 * far as nothing of the root is needed: by then everybody is proven to have dropped the old one.
 */
export async function runCutOff(ctx: Context, name: string, options: CutOffOptions): Promise<void> {
  if (options.plane !== undefined)
    throw new ClusterCaError('ERR_USAGE', '--plane: a node is cut off with all that it has', {
      hint: 'leave --plane out: every certificate of the node goes',
    });
  const path = inventoryPath(ctx, options.inventory, 'from what services is it to be cut off?');
  const keystore = await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore });
  const inventory = readInventory(path);
  inventoryItems(inventory, keystore.state);
  const victim = await gatedHolder(keystore, inventory, name);
  checkPhase(keystore, ctx.now());
  const units = await unitsFromHere(inventory, keystore.state);
  const audience = await crlAudience(keystore, path);
  const what = { type: 'name' as const, ...victim };
  const find = (from: Date): Promise<RevocationTarget[]> =>
    revocationTargets(keystore, what, { planes: undefined, authority: undefined, from });
  const isNew = ({ authority }: RevocationTarget): boolean => sideOfAuthority(keystore.state, authority) === 'new';
  const targets = await find(clockSpan(keystore.state, ctx.now()).from);
  const until = Math.max(0, ...targets.map(({ notAfter = 0 }) => notAfter));
  const accepting = acceptingUntil(audience, new Set([victim.name]), until);
  const about = { victim: victim.name, accepting };
  const isElsewhere = keystore.identity.rootElsewhere && options.rootKeystore === undefined;
  const hasNew = targets.some(isNew);
  if (hasNew) refuseTooLate(keystore, victim.name);
  const open = targets.filter(({ row }) => row?.revoked === undefined).map(({ serial }) => serial);
  const out = (await leftOut(keystore, ctx.now())).some((one) => holderKey(one) === holderKey(victim));
  // Left out of the last rollover, which is done: nothing that it had then is under a root that anybody trusts.
  const { from: now } = clockSpan(keystore.state, ctx.now());
  const lives = ({ row, notAfter = 0 }: RevocationTarget): boolean =>
    row?.revoked === undefined && notAfter + 1000 > now.getTime();
  const isOver = phaseOf(keystore.state) === 'done' && out && !targets.some(lives) && !hasNew;
  if (options.dryRun && !isOver)
    return printPlan(ctx, keystore, inventory, { ...about, open, isLeftOut: out }, isElsewhere);
  if (isOver) {
    const rollover = await boardByLog(keystore, inventory, ctx.now());
    const refused = refusals(keystore.state);
    const document = {
      revoked: [],
      crls: [],
      services: [],
      accepting: [],
      refused,
      rollover,
      ...(options.dryRun ? { dryRun: true } : {}),
    };
    ctx.ui.result(document, (style) =>
      [
        `nothing to do: ${victim.name} is cut off already`,
        ...(refused.length === 0 ? [] : ['', ...refusalTable(refused, style, ctx.now()), refusing(refused)]),
      ].join('\n'),
    );
    return;
  }
  if (isElsewhere && !inProgress(keystore.state)) throw carryFirst(victim.name);
  for (const line of exposure(about, isElsewhere)) ctx.ui.note(line);
  await ctx.ui.confirmByName(
    `revoke ${victim.name}, and replace the root CA with it left out`,
    keystore.state.cluster,
    ctx.globals.confirm,
  );
  await withDomains(ctx, keystore, options, !isElsewhere, async (writer, { root }) => {
    const requestId = newRequestId();
    const { from } = writer.clockSpan();
    const { reason } = options;
    const done = await writer.inTurn(ctx.globals.wait, () =>
      revokeCertificates(writer, { find: () => find(from), reason, invalidityDate: undefined, requestId }),
    );
    // Issued to it by another writer since the question: revoked, but this rollover does not end it.
    if (done.some(isNew)) refuseTooLate(keystore, victim.name);
    const published = await publishRevocation(ctx, writer, audience);
    if (published.failure !== undefined) ctx.ui.warn(published.failure.message);
    const onProgress = (text: string): void => ctx.ui.progress(text);
    await writer.inTurn(ctx.globals.wait, async () => {
      if (!inProgress(keystore.state)) {
        if (root === undefined) throw carryFirst(victim.name);
        await startRollover(writer, { requestId, root: root.domain, onProgress });
      }
      await excludeHolders(writer, requestId, [victim]);
    });
    const ran = await withHosts((hosts) =>
      runRollover(ctx, writer, hosts, {
        direction: 'forward',
        until: 'end',
        inventory,
        units,
        services: servicesOf(keystore, inventory) ?? [],
        atOnce: 1,
        cycle: true,
        warn: (message) => ctx.ui.warn(message),
        agents: new LoggedAgents(writer, ctx.globals.wait, onProgress),
        root: root && (async () => root),
      }),
    );
    if (ran.blocked !== undefined) throw blockedError(phaseOf(keystore.state), ran.blocked);
    const revoked = await certificatesOf(
      ctx,
      keystore,
      done.map(({ serial }) => serial),
    );
    const crls = keystore.state.crls.map(crlObject);
    const board = await boardByLog(keystore, inventory, ctx.now(), { steps: ran.steps });
    const refused = refusals(keystore.state);
    ctx.ui.result({ revoked, crls, services: ran.deployed, accepting: [], refused, rollover: board }, (style) =>
      [
        // A run that goes on where another stopped has found it revoked.
        ...(revoked.length === 0 ? [] : [renderRevoke({ revoked, crls, services: [] }, style), '']),
        renderRolloverBoard(board, style, ctx.now()),
        `${victim.name} is cut off: ${refusing(refused)}`,
        ...(ran.left === undefined ? [] : [LAST]),
      ].join('\n'),
    );
  });
}

const LAST = 'the key of the old root is destroyed where it is: cluster-ca rollover advance --request FILE';

/** Without the root's medium no rollover can be begun here. */
function carryFirst(name: string): ClusterCaError {
  return new ClusterCaError('ERR_INPUT_REQUIRED', 'the root domain of this keystore is kept elsewhere', {
    hint: `--root-keystore DIR; or, where it stays on another machine: cluster-ca revoke ${name} at once, begin a rollover there (cluster-ca rollover start --request FILE), and then the same command again`,
  });
}

/** It begins a rollover, or goes on with one that goes forward. @throws ERR_STATE */
function checkPhase(keystore: Keystore, now: Date): void {
  requireOwnRoot(keystore);
  if (!inProgress(keystore.state)) {
    checkStart(keystore, now);
    return;
  }
  const { form, phase } = keystore.state.rollover ?? {};
  if (form === 'root' && phase !== 'rollback') return;
  throw new ClusterCaError('ERR_STATE', 'another rollover is in progress, and nobody can be cut off by it', {
    hint: 'finish it first: cluster-ca rollover status',
  });
}

/** Who has a certificate of the new root already is not shut out when the old one goes. @throws ERR_STATE */
function refuseTooLate({ state }: Keystore, name: string): void {
  if (!inProgress(state)) return;
  throw new ClusterCaError(
    'ERR_STATE',
    `${name} has a certificate of the new root already: this rollover cannot cut it off`,
    {
      hint: `cluster-ca rollover run finishes it first; then the same command again replaces the root once more`,
    },
  );
}

/** The window in which what is revoked is accepted, before anything is done. */
function exposure(
  { victim, accepting }: { victim: string; accepting: readonly Accepting[] },
  isElsewhere: boolean,
): string[] {
  const [first] = accepting;
  const window =
    first === undefined
      ? `every service reads a CRL: ${victim} is refused as soon as they have the new one`
      : `${accepting.length} services read no CRL, and accept ${victim} until the retire of a rollover is proven; without one until ${first.until}`;
  return [
    window,
    isElsewhere
      ? 'the root domain is elsewhere: the last step is left, which destroys the key of the old root'
      : 'the root domain is unlocked for this: its passphrase is asked for',
  ];
}

async function printPlan(
  ctx: Context,
  keystore: Keystore,
  inventory: ReturnType<typeof readInventory>,
  about: { victim: string; accepting: readonly Accepting[]; open: readonly string[]; isLeftOut: boolean },
  isElsewhere: boolean,
): Promise<void> {
  const { victim, accepting, open, isLeftOut } = about;
  const step = (what: string): StepObject => ({ phase: phaseOf(keystore.state), what });
  const steps = [
    ...(open.length === 0 ? [] : [step(`revoke every certificate of ${victim}`)]),
    ...(inProgress(keystore.state) ? [] : [step('make a new root CA and issuing CA')]),
    step(
      inProgress(keystore.state) && isLeftOut
        ? `go on to done, with ${victim} left out`
        : `leave out ${victim}, and go on to done`,
    ),
  ];
  const board: RolloverBoard = await boardByLog(keystore, inventory, ctx.now(), { steps, dryRun: true });
  const revoked = await certificatesOf(ctx, keystore, open);
  const document = { revoked, crls: [], services: [], accepting, rollover: board, steps, dryRun: true };
  ctx.ui.result(document, (style) =>
    [
      ...exposure(about, isElsewhere),
      ...(revoked.length === 0 ? [] : ['', renderRevoke({ revoked, crls: [], dryRun: true }, style), '']),
      renderRolloverBoard(board, style, ctx.now()),
    ].join('\n'),
  );
}

/** The certificates with these serials, as they are now. */
async function certificatesOf(
  ctx: Context,
  keystore: Keystore,
  serials: readonly string[],
): Promise<CertificateObject[]> {
  const found: CertificateObject[] = [];
  for (const serial of serials) {
    const row = await keystore.query((index) => index.bySerial(serial));
    if (row !== undefined) found.push(await certificateObject(keystore, row, ctx.now()));
  }
  return found;
}
