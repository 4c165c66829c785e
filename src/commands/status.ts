import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { renderStatus } from '../status/render.ts';
import { status } from '../status/status.ts';

export function statusCommand(ctx: Context, run = runStatus): Command {
  return new Command('status').summary('say what needs attention').action(() => run(ctx));
}

export async function runStatus(ctx: Context): Promise<void> {
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const document = await status(keystore, now);
  ctx.ui.result(document, (style) => renderStatus(document, keystore.state.cluster, style, now));
  if (!document.attention) return;
  const serious = document.alerts.filter(({ severity }) => severity !== 'info');
  throw new ClusterCaError(
    'ERR_ATTENTION',
    `${serious.length} ${serious.length === 1 ? 'thing needs' : 'things need'} attention`,
    {
      hint: serious[0]?.hint,
    },
  );
}
