import { type Context, openKeystore } from '../context.ts';
import { readClientFiles } from '../endpoint/client-files.ts';
import type { ClientCertificate } from '../endpoint/handshake.ts';
import { ClusterCaError } from '../errors.ts';
import { readInventory } from '../inventory/read.ts';
import { checkPlanes } from '../issuance/names.ts';
import type { UnlockOptions } from '../unlocking.ts';
import { readHolder } from '../what/holder.ts';
import { type DriftDocument, drift } from './drift.ts';
import { type DriftFlags, wantsProbe } from './flags.ts';
import { junitReport } from './junit.ts';
import type { Probe } from './probe.ts';
import { renderDrift } from './render.ts';
import { sarifReport } from './sarif.ts';

/** Makes a client certificate to look with; its key is in memory. */
export type MakeProbe = (ctx: Context, unlock: UnlockOptions) => Promise<Probe>;

/** What `verify` takes for a certificate, and not for the whole cluster. */
const NOT_WITH_INVENTORY = ['trust', 'untrusted', 'name', 'purpose', 'at', 'explain', 'starttls', 'maxDepth', 'policy'];

/**
 * `verify [NODE] --inventory FILE`: the live cluster.
 * @param makeProbe loaded and called only when a probe is wanted
 * @throws ERR_ATTENTION when something is not as it should be
 */
export async function runDrift(
  ctx: Context,
  text: string | undefined,
  flags: DriftFlags,
  makeProbe: MakeProbe,
): Promise<void> {
  const path = flags.inventory ?? ctx.env.CLUSTER_CA_INVENTORY;
  if (path === undefined)
    throw new ClusterCaError('ERR_USAGE', 'verify what?', {
      hint: 'a file, a node, a serial number or HOST:PORT; or the live cluster with --inventory cluster.yaml',
    });
  checkFlags(ctx, flags);
  const given = readClientFiles(flags.cert, flags.key);
  let probe: Probe | undefined;
  const client = async (): Promise<ClientCertificate | undefined> => {
    if (given !== undefined || !wantsProbe(flags) || flags.dryRun) return given;
    probe = await makeProbe(ctx, flags);
    return probe.client;
  };
  const inventory = readInventory(path);
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const found = await drift(keystore, inventory, {
    holder: text === undefined ? undefined : readHolder(text),
    planes: flags.plane && checkPlanes(flags.plane, keystore.state.policy),
    client,
    now,
    onProgress: (done, total) => ctx.ui.progressBar(done, total, 'asking services'),
  }).finally(() => probe?.client.key.fill(0));
  const document: DriftDocument = {
    ...found,
    ...(probe === undefined ? {} : { probe: probe.certificate }),
    ...(flags.dryRun ? { dryRun: true } : {}),
  };
  if (document.services.length === 0) ctx.ui.warn('the inventory has no services to look at');
  if (given === undefined && probe === undefined && document.services.some(({ address }) => address !== undefined))
    ctx.ui.warn(
      'without --cert and --key, or --probe, the mutual handshake was not tried: whom the services let in is not known',
    );
  if (probe !== undefined)
    ctx.ui.note(
      `looked with a probe certificate: serial ${probe.certificate.serial}, until ${probe.certificate.notAfter}`,
    );
  print(ctx, document, flags.format, { path, now });
  if (document.attention) throw attention(document);
}

function checkFlags(ctx: Context, flags: DriftFlags): void {
  if (wantsProbe(flags) && (flags.cert ?? flags.key) !== undefined)
    throw new ClusterCaError('ERR_USAGE', 'there is one client certificate: --cert and --key, or a probe', {
      hint: 'leave --probe and the passphrase out',
    });
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
