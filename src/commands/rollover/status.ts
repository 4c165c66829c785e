import { type Context, openKeystore } from '../../context.ts';
import { rolloverDocument } from '../../rollover/document.ts';
import { renderRollover } from '../../rollover/render.ts';

/** Where the rollover stands, by the log alone: no secret, nothing is probed. */
export async function runRolloverStatus(ctx: Context): Promise<void> {
  const { state } = await openKeystore(ctx);
  const document = rolloverDocument(state);
  ctx.ui.result(document, (style) => renderRollover(document, style, ctx.now()));
}
