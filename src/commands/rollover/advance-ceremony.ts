import { answeredCrl, isNewCrl, readAnswered } from '../../ceremony/accept.ts';
import { asRecorded } from '../../ceremony/as-recorded.ts';
import { askForLastStep, askToRemove } from '../../ceremony/last-steps.ts';
import {
  makeRequest,
  nextOf,
  type RequestPlace,
  requestLines,
  requireElsewhere,
  writeRequest,
} from '../../ceremony/request.ts';
import { runCeremonySign } from '../../ceremony/sign.ts';
import { ceremonyStep } from '../../ceremony/steps.ts';
import { transcriptLines } from '../../ceremony/transcript.ts';
import { type Context, openKeystoreToWrite } from '../../context.ts';
import { ClusterCaError } from '../../errors.ts';
import { inProgress, isDestroyed, rootOf } from '../../keystore/hierarchy.ts';
import type { KeystoreWriter } from '../../keystore/writer.ts';
import type { Style } from '../../ui/text/style.ts';
import { openWriter } from '../../unlocking.ts';
import { type Course, type RolloverRunOptions, runRolloverOn } from './advance.ts';

const COMMAND = 'cluster-ca rollover advance';

/** `rollover advance` and `rollback`, with the root domain at hand or, by a ceremony, on another machine. */
export async function runRolloverCourse(ctx: Context, options: RolloverRunOptions, course: Course): Promise<void> {
  const step = ceremonyStep(options);
  if (step === undefined) {
    if (options.out !== undefined) throw new ClusterCaError('ERR_USAGE', '--out goes with --sign');
    return runRolloverOn(ctx, options, course);
  }
  if (step === 'sign') return runCeremonySign(ctx, options, ['last-crl', 'destroy']);
  if (step === 'accept') return accept(ctx, options, course);
  return course.direction === 'back' ? goBack(ctx, options, course) : request(ctx, options);
}

/** What the root domain has to do next: its last CRL in `retire`, the removal of destroyed keys behind the end. */
async function request(ctx: Context, options: RolloverRunOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  await requireElsewhere(keystore, COMMAND);
  const writer = await openWriter(ctx, keystore, options);
  try {
    await writeRequest(ctx, writer, placeOf(options), await askForLastStep(writer));
  } finally {
    writer.daily.close();
  }
}

/** Back, without the root domain: its new key is removed where it is, by the request that is written at the end. */
async function goBack(ctx: Context, options: RolloverRunOptions, course: Course): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  await requireElsewhere(keystore, 'cluster-ca rollover rollback');
  if (!inProgress(keystore.state) && askToRemove(keystore) !== undefined) return request(ctx, options);
  await runRolloverOn(ctx, options, course, { carried: {}, after: (writer) => leaveRemoval(ctx, writer, options) });
}

async function leaveRemoval(ctx: Context, writer: KeystoreWriter, options: RolloverRunOptions) {
  const asked = inProgress(writer.keystore.state) ? undefined : askToRemove(writer.keystore);
  if (asked === undefined) return { document: {}, lines: () => [] };
  const made = await makeRequest(ctx, writer, placeOf(options), asked);
  return {
    document: { files: [made.path], transcript: made.transcript },
    lines: (style: Style) => [...requestLines(made, style), nextOf(placeOf(options), style)],
  };
}

async function accept(ctx: Context, options: RolloverRunOptions, course: Course): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const answered = await readAnswered(ctx, keystore, options.accept as string, ['last-crl', 'destroy']);
  const { request: asked } = answered;
  const isOver = asked.type === 'last-crl' && isDestroyed(keystore.state, asked.authority.id);
  const { transcript, others } = isOver ? asRecorded(keystore, answered) : { ...answered, others: [] };
  const lines = (style: Style): string[] => transcriptLines(transcript, style);
  if (asked.type === 'destroy') {
    const unknown = (asked.destroyed ?? []).find(({ id }) => !isDestroyed(keystore.state, id));
    if (unknown !== undefined) throw new ClusterCaError('ERR_CONFIG', `the key of ${unknown.id} was never destroyed`);
    return ctx.ui.result({ recorded: false, ...transcript }, (style) =>
      ['the keys are removed where the root is; the log says that they were destroyed', ...lines(style)].join('\n'),
    );
  }
  if (course.direction === 'back')
    throw new ClusterCaError('ERR_USAGE', 'a last CRL is for the last step forward', {
      hint: `${COMMAND} --accept ANSWER`,
    });
  for (const other of others) ctx.ui.warn(other);
  if (isOver)
    return ctx.ui.result({ recorded: false, ...transcript }, (style) =>
      [`the last CRL of ${asked.authority.id} is recorded already`, ...lines(style)].join('\n'),
    );
  const going = inProgress(keystore.state) ? rootOf(keystore.state, 'old') : undefined;
  if (going !== undefined && going.id !== asked.authority.id)
    throw new ClusterCaError(
      'ERR_STATE',
      `this is the last CRL of ${asked.authority.id}, but ${going.id} is the root that goes`,
      {
        hint: `ask for that one: ${COMMAND} --request FILE`,
      },
    );
  await runRolloverOn(ctx, options, course, {
    carried: {
      lastCrl: (writer) => {
        const signed = answeredCrl(writer.keystore, answered);
        return { signed, check: () => isNewCrl(writer.keystore, signed, ctx.now(), COMMAND) };
      },
    },
    after: async () => ({
      document: { transcript },
      lines: (style) => [
        ...lines(style),
        `next: have the key of ${asked.authority.id} removed where it is: ${COMMAND} --request FILE`,
      ],
    }),
  });
}

function placeOf({ request: file }: RolloverRunOptions): RequestPlace {
  return { file: file as string, command: COMMAND };
}
