import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { checkExternal, runComplete, runRequest } from '../init/external/run.ts';
import { type InitDocument, type InitRequest, init, planInit } from '../init/init.ts';
import { type InitOptions, policyOptions } from '../init/options.ts';
import { checkOutage } from '../init/outage.ts';
import { checkClusterName, makePolicy } from '../init/policy.ts';
import { renderInit } from '../init/render.ts';
import { initSecrets } from '../init/secrets.ts';
import { openTokens, tokensFor } from '../init/tokens.ts';
import { anchorDirectory } from '../keystore/anchor.ts';
import { checkPlacesAreFree } from '../keystore/creation/place.ts';
import { newKeystoreLocation } from '../keystore/locate.ts';
import { shellWords } from '../ui/text/shell-words.ts';
import { secretContext } from '../unlocking.ts';
import { dryRun, duration, repeatable, withPassphrase, withRootPassphrase } from './options.ts';

export function initCommand(ctx: Context, run = runInit): Command {
  const command = new Command('init')
    .summary('make a keystore: root CA, issuing CA, CRLs')
    .argument(
      '[cluster]',
      "the cluster's name: one DNS label of at most 40 characters; without it, on a terminal, a wizard asks",
    )
    .addOption(
      repeatable(
        '--domain <domain>',
        'a domain that names may lie in; the first is the trust domain (default CLUSTER.internal)',
      ),
    )
    .addOption(
      repeatable(
        '--permit-ip <cidr>',
        'a range that addresses may lie in; none: no address (default private and loopback)',
      ),
    )
    .addOption(repeatable('--plane <plane>', "one of the cluster's planes (default control and data)"))
    .option('--key-type <type>', "the CAs' keys: ecdsa-p256, ecdsa-p384, rsa-3072, rsa-4096")
    .option('--node-key-type <type>', "the nodes' keys: also ed25519, rsa-2048")
    .addOption(duration('--root-lifetime <duration>', 'of the root CA (default 10y)'))
    .addOption(duration('--issuing-lifetime <duration>', 'of the issuing CA (default 5y)'))
    .addOption(duration('--node-lifetime <duration>', 'of node certificates (default 90d)'))
    .addOption(
      duration('--rotate-before <duration>', 'rotate when this much of the node lifetime is left (default two thirds)'),
    )
    .addOption(duration('--alert-before <duration>', 'warn when less than this much is left (default half)'))
    .addOption(
      duration(
        '--tolerate-ca-outage <duration>',
        'choose lifetimes that nothing notices an outage of the CA of this length by',
      ),
    )
    .addOption(duration('--crl-lifetime <duration>', 'of the CRLs of issuing CAs (default 30d)'))
    .option('--crl-url <url>', 'where the CRL is published, written into certificates')
    .option('--token <uri>', "make the CAs' keys in this PKCS#11 token (RFC 7512), not extractable")
    .option('--root-token <uri>', "make the root CA's key in this one")
    .option('--external-root', "the root CA is another PKI's: write issuing.csr for it to sign")
    .option('--issuing-cert <file>', 'complete that with the certificate it gave, and its root CA behind')
    .option('--allow-group-read', 'let the group of the keystore read its public parts');
  return dryRun(withRootPassphrase(withPassphrase(command))).action((cluster, options) => run(ctx, cluster, options));
}

export async function runInit(ctx: Context, cluster: string | undefined, options: InitOptions): Promise<void> {
  checkExternal(options);
  if (cluster === undefined) return runWizard(ctx, options);
  if (options.issuingCert !== undefined) {
    checkClusterName(cluster);
    return runComplete(ctx, cluster, options);
  }
  const plan = await planFor(ctx, cluster, options);
  if (options.externalRoot) return runRequest(ctx, plan, options);
  if (!options.dryRun) await make(ctx, plan, options, await initSecrets(options, secretContext(ctx)));
  else ctx.ui.result({ ...plan, dryRun: true }, (style) => renderInit(plan, style));
}

/** Asks for the cluster and all the rest. @throws ERR_USAGE where nobody can be asked */
async function runWizard(ctx: Context, given: InitOptions): Promise<void> {
  if (!ctx.ui.conversational)
    throw new ClusterCaError('ERR_USAGE', "missing required argument 'cluster'", { hint: 'cluster-ca init --help' });
  const { initWizard } = await import('../wizard/init-wizard.ts');
  const { cluster, options, keystore, passphrase, lastScreen } = await initWizard(ctx, given);
  const asked: Context = keystore === undefined ? ctx : { ...ctx, globals: { ...ctx.globals, keystore } };
  const plan = await planFor(asked, cluster, options);
  if (options.dryRun) ctx.ui.result({ ...plan, dryRun: true }, (style) => renderInit(plan, style));
  else {
    const prompt = passphrase === undefined ? undefined : async () => passphrase;
    await make(asked, plan, options, await initSecrets(options, { env: ctx.env, prompt }));
  }
  ctx.ui.note(lastScreen);
}

async function planFor(ctx: Context, cluster: string, options: InitOptions): Promise<InitDocument> {
  checkClusterName(cluster);
  const policy = makePolicy(cluster, policyOptions(options));
  tokensFor(options);
  const keystore = ctx.globals.keystore ?? ctx.env.CLUSTER_CA_KEYSTORE;
  const location = newKeystoreLocation({ keystore, cluster, env: ctx.env, cwd: ctx.cwd }, cluster);
  await checkPlacesAreFree(location, rootLocation(ctx, options));
  const plan = planInit({ cluster, policy, location });
  return options.tolerateCaOutage === undefined
    ? plan
    : { ...plan, caOutage: checkOutage(options.tolerateCaOutage, policy) };
}

async function make(
  ctx: Context,
  { cluster, policy, keystore, caOutage }: InitDocument,
  options: InitOptions,
  secrets: InitRequest['secrets'],
): Promise<void> {
  const tokens = await openTokens(ctx, options, { main: keystore, root: rootLocation(ctx, options) });
  const document = await tokens.keepIf(
    init({
      cluster,
      policy,
      location: keystore,
      rootLocation: rootLocation(ctx, options),
      groupRead: options.allowGroupRead ?? false,
      secrets,
      anchors: anchorDirectory(ctx.env),
      now: ctx.now(),
      warn: (message) => ctx.ui.warn(message),
      makers: tokens.makers,
    }),
  );
  const made = caOutage === undefined ? document : { ...document, caOutage };
  const { keystore: named } = ctx.globals;
  const flags = [
    ...(named === undefined ? [] : ['--keystore', keystore]),
    ...(options.keyFile === undefined ? [] : ['--key-file', options.keyFile]),
  ];
  const words = flags.length === 0 ? '' : ` ${shellWords(flags)}`;
  ctx.ui.result(made, (style) => renderInit(made, style, words));
}

function rootLocation(ctx: Context, { rootKeystore }: InitOptions): string | undefined {
  return rootKeystore === undefined ? undefined : resolve(ctx.cwd, rootKeystore);
}
