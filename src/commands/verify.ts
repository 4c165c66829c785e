import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import { type DriftFlags, wantsProbe } from '../drift/flags.ts';
import { ClusterCaError } from '../errors.ts';
import { checkPlanes } from '../issuance/names.ts';
import { parseTimeArgument } from '../values/time.ts';
import { type PathFlags, readPathOptions } from '../verification/path-options.ts';
import { renderVerify } from '../verification/render.ts';
import { verdictError } from '../verification/verdict-error.ts';
import { verifyWhat } from '../verification/verify-what.ts';
import { oneReading, readWhat } from '../what/what.ts';
import { choice, dryRun, repeatable, withConnection, withPassphrase, withPathFlags } from './options.ts';

interface VerifyOptions extends PathFlags, DriftFlags {
  trust?: string[];
  untrusted?: string[];
  crl?: string[] | false;
  at?: string;
  explain?: boolean;
  starttls?: string;
}

export function verifyCommand(ctx: Context, run = runVerify): Command {
  const command = new Command('verify')
    .summary('validate a certificate and say which rule fails')
    .argument('[what]', 'a certificate file, a node, a client, a serial number or HOST:PORT')
    .addOption(repeatable('--trust <file>', 'trust anchors; then no keystore is opened'))
    .addOption(repeatable('--untrusted <file>', 'further certificates to build the path with'))
    .addOption(repeatable('--crl <file>', 'CRLs; then every certificate needs a current one'))
    .option('--no-crl', "do not read the keystore's revocations")
    .addOption(repeatable('--name <name>', 'a DNS name, IP address, e-mail address or URI that it must have'))
    .addOption(repeatable('--purpose <purpose>', 'server, client, any or an object identifier'))
    .addOption(
      repeatable('--plane <plane>', "of a node: this plane's certificate; with --inventory: these planes only"),
    )
    .option('--at <time>', 'at this time instead of now')
    .option('--explain', 'every rule of every certificate, every path tried, and why');
  withConnection(withPathFlags(command))
    .option('--inventory <file>', 'the live cluster: issued, on disk and served, for each service of cluster.yaml')
    .addOption(
      choice('--format <format>', 'of --inventory: text, json, junit or sarif', ['text', 'json', 'junit', 'sarif']),
    )
    .option('--probe', 'with --inventory: unlock the keystore, and look with a certificate made for it');
  return dryRun(withPassphrase(command)).action((what, options) => run(ctx, what, options));
}

export async function runVerify(ctx: Context, text: string | undefined, options: VerifyOptions): Promise<void> {
  if (options.inventory !== undefined || text === undefined) {
    const { runDrift } = await import('../drift/run.ts');
    return runDrift(ctx, text, options, async (...args) => (await import('./writing.ts')).makeProbe(...args));
  }
  if (wantsProbe(options) || options.dryRun)
    throw new ClusterCaError('ERR_USAGE', '--probe, a passphrase and --dry-run go with --inventory');
  if (options.format !== undefined)
    throw new ClusterCaError('ERR_USAGE', '--format goes with --inventory', { hint: 'for JSON: --json' });
  const at = options.at === undefined ? ctx.now() : parseTimeArgument(options.at, ctx.now());
  if (at === undefined)
    throw new ClusterCaError('ERR_USAGE', `not a time: ${options.at}`, { hint: 'RFC 3339, a date, or +60d' });
  const pathOptions = readPathOptions(options);
  const what = readWhat(text);
  const { trust, cert, key, starttls } = options;
  if (what.type !== 'endpoint' && (cert ?? key ?? starttls) !== undefined)
    throw new ClusterCaError('ERR_USAGE', '--cert, --key and --starttls go with HOST:PORT');
  const keystore = trust === undefined ? await openKeystore(ctx) : undefined;
  await oneReading(what, async () => keystore);
  const document = await verifyWhat(keystore, {
    what,
    connect: { cert, key, starttls },
    explain: options.explain ?? false,
    trust: trust ?? [],
    untrusted: options.untrusted ?? [],
    crls: options.crl === false ? undefined : options.crl,
    useLog: options.crl !== false,
    planes: options.plane && keystore ? checkPlanes(options.plane, keystore.state.policy) : options.plane,
    options: pathOptions,
    at,
  });
  if (ctx.ui.options.json) for (const note of document.notes) ctx.ui.warn(note);
  ctx.ui.result(document, (style) => renderVerify(document, style));
  if (!document.valid) throw verdictError(document.failures[0]);
}
