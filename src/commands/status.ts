import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { prometheusText } from '../status/prometheus.ts';
import { renderStatus } from '../status/render.ts';
import { currentCertificates, type StatusDocument, status } from '../status/status.ts';
import { writeOut } from '../ui/stream.ts';
import { readLegalHolder } from '../what/holder.ts';
import { choice, duration } from './options.ts';

interface StatusOptions {
  within?: number;
  format?: 'text' | 'json' | 'prometheus';
}

export function statusCommand(ctx: Context, run = runStatus): Command {
  return new Command('status')
    .summary('say what needs attention')
    .argument('[nodes...]', 'of these nodes and clients only')
    .addOption(
      duration('--within <duration>', 'attention to certificates and CAs that end or come due within this time'),
    )
    .addOption(
      choice('--format <format>', 'text, json (as --json) or prometheus (its text format)', [
        'text',
        'json',
        'prometheus',
      ]),
    )
    .action((nodes, options) => run(ctx, nodes, options));
}

export async function runStatus(ctx: Context, nodes: string[], options: StatusOptions): Promise<void> {
  if (ctx.ui.options.json && options.format !== undefined && options.format !== 'json')
    throw new ClusterCaError('ERR_USAGE', `--json and --format ${options.format} exclude each other`);
  if (options.format === 'json') ctx.ui.options.json = true;
  const scope = { holders: nodes.map(readLegalHolder), within: options.within && options.within * 1000 };
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const document = await status(keystore, now, scope);
  if (options.format === 'prometheus') {
    const current = currentCertificates(keystore, scope.holders);
    for await (const piece of prometheusText(keystore, document, current, now)) if (!(await writeOut(piece))) break;
  } else ctx.ui.result(document, (style) => renderStatus(document, keystore.state.cluster, style, now));
  if (document.attention) throw attention(keystore, document);
}

function attention({ state }: Keystore, { alerts }: StatusDocument): ClusterCaError {
  const serious = alerts.filter(({ severity }) => severity !== 'info');
  const what = `${serious.length} ${serious.length === 1 ? 'thing needs' : 'things need'} attention`;
  return new ClusterCaError('ERR_ATTENTION', `${what} in ${state.cluster}`, { hint: serious[0]?.hint });
}
