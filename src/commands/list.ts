import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import { checkPlanes } from '../issuance/names.ts';
import { listCertificates } from '../listing/list.ts';
import { renderList } from '../listing/render.ts';
import { duration, repeatable } from './options.ts';

interface ListFlags {
  all?: boolean;
  node?: string[];
  plane?: string[];
  status?: string[];
  expiring?: number;
}

export function listCommand(ctx: Context, run = runList): Command {
  return new Command('list')
    .summary('list certificates')
    .argument('[nodes...]', 'of these nodes and clients only')
    .option('--all', 'every certificate ever issued')
    .addOption(repeatable('--node <node>', 'of this node or client only'))
    .addOption(repeatable('--plane <plane>', 'of this plane only'))
    .addOption(repeatable('--status <status>', 'valid, expired, revoked or superseded'))
    .addOption(duration('--expiring <duration>', 'that end within this time'))
    .action((nodes, options) => run(ctx, nodes, options));
}

const NONE = 'no certificates: cluster-ca issue NODE makes the first';

export async function runList(ctx: Context, nodes: string[], options: ListFlags): Promise<void> {
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const { node: _, all = false, ...filters } = options;
  const named = [...nodes, ...(options.node ?? [])];
  const certificates = await listCertificates(keystore, {
    all,
    nodes: named.length === 0 ? undefined : named,
    planes: options.plane && checkPlanes(options.plane, keystore.state.policy),
    status: options.status,
    expiring: options.expiring,
    now,
  });
  const filtered = named.length > 0 || Object.keys(filters).length > 0;
  const none = filtered ? 'no certificate is meant by that: cluster-ca list --all shows every one' : NONE;
  ctx.ui.result({ certificates }, (style) => (certificates.length === 0 ? none : renderList(certificates, style, now)));
}
