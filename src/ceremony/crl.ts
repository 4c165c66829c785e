import { type Context, openKeystoreToWrite } from '../context.ts';
import type { CrlRef } from '../keystore/log/bodies.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { dropReplaced, putCrl, requireAuthority, requireKey } from '../revocation/renew-crls.ts';
import { openWriter } from '../unlocking.ts';
import { answeredCrl, isNewCrl, readAnswered } from './accept.ts';
import type { CeremonyOptions } from './options.ts';
import { askForCrl, writeRequest } from './request.ts';
import { transcriptLines } from './transcript.ts';

export interface CrlCeremonyOptions extends CeremonyOptions {
  authority?: string;
  lifetime?: number;
}

/** Here, without the root's key: what the root is asked to sign. Nothing is recorded. */
export async function runCrlRequest(ctx: Context, options: CrlCeremonyOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const authority = requireAuthority({ keystore }, options.authority ?? '');
  const writer = await openWriter(ctx, keystore, options);
  try {
    const asked = await askForCrl(writer, 'crl', authority, options.lifetime);
    await writeRequest(ctx, writer, { file: options.request as string, command: 'cluster-ca crl' }, asked);
  } finally {
    writer.daily.close();
  }
}

/**
 * Here again: what came back is recorded, when it is what was asked for, and still says all that the log does. The last CRL
 * of a root whose key was destroyed stays: one that was signed before that replaces it no more.
 */
export async function runCrlAccept(ctx: Context, options: CrlCeremonyOptions): Promise<void> {
  const keystore = await openKeystoreToWrite(ctx);
  const answered = await readAnswered(ctx, keystore, options.accept as string, ['crl']);
  const signed = answeredCrl(keystore, answered);
  const { authority } = signed.ref;
  requireKey({ keystore }, requireAuthority({ keystore }, authority));
  const { transcript } = answered;
  if (options.dryRun)
    return ctx.ui.result({ ...transcript, dryRun: true }, (style) =>
      [`would record the CRL of ${authority}`, ...transcriptLines(transcript, style)].join('\n'),
    );
  const writer = await openWriter(ctx, keystore, options);
  try {
    const crls = await writer.inTurn(ctx.globals.wait, async (): Promise<CrlRef[]> => {
      await putCrl(writer, signed);
      const before = keystore.state.crls;
      const again = `cluster-ca crl --renew --authority ${authority}`;
      const record = await writer.commit('crl', newRequestId(), async () =>
        (await isNewCrl(keystore, signed, ctx.now(), again)) ? { crls: [signed.ref] } : undefined,
      );
      await dropReplaced(writer, before);
      return record?.body.crls ?? [];
    });
    ctx.ui.result({ recorded: crls.length > 0, ...transcript }, (style) =>
      [
        crls.length > 0 ? `recorded the CRL of ${authority}` : `the CRL of ${authority} is recorded already`,
        ...transcriptLines(transcript, style),
      ].join('\n'),
    );
  } finally {
    writer.daily.close();
  }
}
