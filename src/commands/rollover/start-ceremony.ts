import { type Answered, readAnswered } from '../../ceremony/accept.ts';
import { asRecorded } from '../../ceremony/as-recorded.ts';
import { acceptedHierarchy, acceptIssuing, askForIssuing, askForRoot, isRootRecorded } from '../../ceremony/new-ca.ts';
import { requireElsewhere, writeRequest } from '../../ceremony/request.ts';
import { runCeremonySign } from '../../ceremony/sign.ts';
import { type Transcript, transcriptLines } from '../../ceremony/transcript.ts';
import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { newRequestId } from '../../keystore/request-id.ts';
import { rolloverDocument } from '../../rollover/document.ts';
import { planIssuing } from '../../rollover/new-issuing.ts';
import { renderRollover } from '../../rollover/render.ts';
import { checkStart, startRollover } from '../../rollover/start.ts';
import { withDomains } from '../../unlocking.ts';
import { printIssuing } from './print-issuing.ts';
import { emergencyOf, keepIn, plannedSteps, type RolloverStartOptions } from './start-options.ts';

/** `rollover start` where the root is on another machine: asked for here, signed there, accepted here. */
export async function runStartCeremony(
  ctx: Context,
  options: RolloverStartOptions,
  step: 'request' | 'sign' | 'accept',
): Promise<void> {
  checkFlags(options, step);
  if (step === 'sign') return runCeremonySign(ctx, options, ['issuing', 'root']);
  const keystore = await openKeystoreToWrite(ctx);
  await (step === 'request' ? request(ctx, keystore, options) : accept(ctx, keystore, options));
}

function checkFlags(options: RolloverStartOptions, step: 'request' | 'sign' | 'accept'): void {
  const refuse = (flag: string, why: string): ClusterCaError => new ClusterCaError('ERR_USAGE', `${flag} ${why}`);
  if (options.fromAnchor !== undefined)
    throw refuse('--from-anchor', 'needs no key of a root: there is nothing to be signed elsewhere');
  if (step !== 'accept')
    for (const [flag, value] of Object.entries({ '--backup': options.backup, '--emergency': options.emergency }))
      if (value !== undefined) throw refuse(flag, 'goes with --accept, which starts the rollover');
  if (step !== 'request' && (options.domain !== undefined || options.permitIp !== undefined))
    throw refuse('--domain and --permit-ip', 'go with --request: what was asked for is in it');
}

async function request(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  const command = `cluster-ca rollover start${options.issuing ? ' --issuing' : ''}`;
  await requireElsewhere(keystore, command);
  const widening = { domains: options.domain, permitIp: options.permitIp };
  if (options.issuing) planIssuing(keystore, widening);
  else checkStart(keystore, ctx.now());
  await withDomains(ctx, keystore, options, false, (writer) =>
    writer.inTurn(ctx.globals.wait, async () => {
      const { asked, at, undo } = await (options.issuing ? askForIssuing(writer, widening) : askForRoot(writer));
      try {
        const place = { file: options.request as string, command: 'cluster-ca rollover start', at };
        await writeRequest(ctx, writer, place, asked);
      } catch (error) {
        await undo(error);
        throw error;
      }
    }),
  );
}

async function accept(ctx: Context, keystore: Keystore, options: RolloverStartOptions): Promise<void> {
  const answered = await readAnswered(ctx, keystore, options.accept as string, ['issuing', 'root']);
  const { type, ca } = answered.request;
  if (type === 'root') {
    if (options.issuing)
      throw new ClusterCaError('ERR_USAGE', 'this is the answer of a new root, not of an issuing CA');
    return acceptRoot(ctx, keystore, answered, options);
  }
  if (options.root || options.emergency || options.backup !== undefined)
    throw new ClusterCaError('ERR_USAGE', 'this is the answer of an issuing CA: it has no phases and no backup');
  if (options.dryRun)
    return ctx.ui.result({ ...answered.transcript, dryRun: true }, (style) =>
      ['would record', ...transcriptLines(answered.transcript, style)].join('\n'),
    );
  await ctx.ui.confirm(
    `take issuing-g${ca?.generation}.${ca?.number}, which issues from now on?`,
    ctx.globals.yes ?? false,
  );
  await withDomains(ctx, keystore, options, false, async (writer) => {
    const recorded = await writer.inTurn(ctx.globals.wait, () => acceptIssuing(writer, answered));
    const transcript = shown(ctx, keystore, answered, recorded);
    const id = `issuing-g${ca?.generation}.${ca?.number}`;
    const { policy } = keystore.state;
    const name = keystore.authority(id) === undefined ? '' : nameOf(answered);
    const plan = { id, generation: ca?.generation ?? 0, number: ca?.number ?? 0, name, subject: name };
    printIssuing(
      ctx,
      keystore,
      { ...plan, domains: policy.domains, permitIp: policy.permitIp },
      {
        recorded,
        document: { transcript },
        lines: (style) => transcriptLines(transcript, style),
      },
    );
  });
}

/** What an answer has brought; or, where another one did before it, what that has, and that this one is not it. */
function shown(ctx: Context, keystore: Keystore, answered: Answered, recorded: boolean): Transcript {
  if (recorded) return answered.transcript;
  const { transcript, others } = asRecorded(keystore, answered);
  for (const other of others) ctx.ui.warn(other);
  return transcript;
}

function nameOf({ transcript }: Answered): string {
  return transcript.certificates?.at(-1)?.subject ?? '';
}

async function acceptRoot(
  ctx: Context,
  keystore: Keystore,
  answered: Answered,
  options: RolloverStartOptions,
): Promise<void> {
  const emergency = emergencyOf(options);
  const { backup } = options;
  if (options.dryRun)
    return print(ctx, keystore, answered.transcript, { steps: steps(keystore, options, true), dryRun: true });
  await ctx.ui.confirm(
    `begin to replace ${answered.request.authority.id} by root-g${answered.request.ca?.generation}?`,
    ctx.globals.yes ?? false,
  );
  await withDomains(ctx, keystore, options, false, async (writer, { daily }) => {
    const done = steps(keystore, options, false);
    const recorded = await writer.inTurn(ctx.globals.wait, async () => {
      if (await isRootRecorded(writer, answered)) return false;
      await startRollover(writer, {
        requestId: newRequestId(),
        root: undefined,
        hierarchy: (staged) => acceptedHierarchy(writer, answered, staged),
        emergency,
        ...keepIn(ctx, keystore, daily, options),
      });
      return true;
    });
    ctx.ui.warn('the new root’s key is on the medium alone, in no backup: copy the medium');
    print(ctx, keystore, shown(ctx, keystore, answered, recorded), {
      recorded,
      steps: recorded ? done : [],
      ...(recorded && backup !== undefined ? { files: [backup] } : {}),
    });
  });
}

function steps(keystore: Keystore, options: RolloverStartOptions, dry: boolean) {
  return plannedSteps(keystore, false, options.backup, emergencyOf(options), dry);
}

function print(ctx: Context, keystore: Keystore, transcript: Transcript, more: object): void {
  const document = { ...rolloverDocument(keystore.state), ...more, transcript };
  ctx.ui.result(document, (style) =>
    [...transcriptLines(transcript, style), renderRollover(document, style, ctx.now())].join('\n'),
  );
}
