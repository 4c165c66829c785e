import { type Context, openKeystore } from '../context.ts';
import { readClientFiles } from '../endpoint/client-files.ts';
import { ClusterCaError } from '../errors.ts';
import { readInventory } from '../inventory/read.ts';
import { checkPlanes } from '../issuance/names.ts';
import { readHolder } from '../what/holder.ts';
import { type DriftDocument, drift } from './drift.ts';
import { junitReport } from './junit.ts';
import { renderDrift } from './render.ts';
import { sarifReport } from './sarif.ts';

export interface DriftFlags {
  inventory?: string;
  format?: 'text' | 'json' | 'junit' | 'sarif';
  plane?: string[];
  cert?: string;
  key?: string;
}

/** What `verify` takes for a certificate, and not for the whole cluster. */
const NOT_WITH_INVENTORY = ['trust', 'untrusted', 'name', 'purpose', 'at', 'explain', 'starttls', 'maxDepth', 'policy'];

/** `verify [NODE] --inventory FILE`: the live cluster. @throws ERR_ATTENTION when something is not as it should be */
export async function runDrift(ctx: Context, text: string | undefined, flags: DriftFlags): Promise<void> {
  const path = flags.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path === undefined)
    throw new ClusterCaError('ERR_USAGE', 'verify what?', {
      hint: 'a file, a node, a serial number or HOST:PORT; or the live cluster with --inventory cluster.yaml',
    });
  checkFlags(ctx, flags);
  const client = readClientFiles(flags.cert, flags.key);
  const inventory = readInventory(path);
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const document = await drift(keystore, inventory, {
    holder: text === undefined ? undefined : readHolder(text),
    planes: flags.plane && checkPlanes(flags.plane, keystore.state.policy),
    client,
    now,
    onProgress: (done, total) => ctx.ui.progressBar(done, total, 'asking services'),
  });
  if (document.services.length === 0) ctx.ui.warn('the inventory has no services to look at');
  if (client === undefined && document.services.some(({ address }) => address !== undefined))
    ctx.ui.warn('without --cert and --key the mutual handshake was not tried: whom the services let in is not known');
  print(ctx, document, flags.format, { path, now });
  if (document.attention) throw attention(document);
}

function checkFlags(ctx: Context, flags: DriftFlags): void {
  if (ctx.ui.options.json && flags.format !== undefined && flags.format !== 'json')
    throw new ClusterCaError('ERR_USAGE', `--json and --format ${flags.format} exclude each other`);
  if (flags.format === 'json') ctx.ui.options.json = true;
  const wrong = NOT_WITH_INVENTORY.find((name) => (flags as Record<string, unknown>)[name] !== undefined);
  if (wrong !== undefined)
    throw new ClusterCaError(
      'ERR_USAGE',
      `--${wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} does not go with --inventory`,
      { hint: 'cluster-ca verify HOST:PORT looks at one server with it' },
    );
}

function print(
  ctx: Context,
  document: DriftDocument,
  format: DriftFlags['format'],
  { path, now }: { path: string; now: Date },
): void {
  ctx.ui.endProgress();
  if (format === 'junit') ctx.ui.raw(junitReport(document, now));
  else if (format === 'sarif') ctx.ui.raw(sarifReport(document, path));
  else ctx.ui.result(document, (style) => renderDrift(document, style));
}

function attention({ findings }: DriftDocument): ClusterCaError {
  const serious = findings.filter(({ severity }) => severity !== 'info');
  const [first] = serious;
  const nodes = [...new Set(serious.map(({ node }) => node))];
  return new ClusterCaError(
    'ERR_ATTENTION',
    `${serious.length} ${serious.length === 1 ? 'finding' : 'findings'} on ${nodes.join(', ')}`,
    { hint: first?.hint, details: { codes: [...new Set(serious.map(({ code }) => code))] } },
  );
}
