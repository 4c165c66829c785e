import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { type InitDocument, init, planInit } from '../init/init.ts';
import { checkClusterName, makePolicy, type PolicyOptions } from '../init/policy.ts';
import { renderInit } from '../init/render.ts';
import { initSecrets } from '../init/secrets.ts';
import { anchorDirectory } from '../keystore/anchor.ts';
import { checkPlaceIsFree } from '../keystore/create.ts';
import { newKeystoreLocation } from '../keystore/locate.ts';
import { secretContext, type UnlockOptions } from '../unlocking.ts';
import { dryRun, duration, repeatable, withPassphrase, withRootPassphrase } from './options.ts';

interface InitOptions extends UnlockOptions, Omit<PolicyOptions, 'domains' | 'planes'> {
  domain?: string[];
  plane?: string[];
  allowGroupRead?: boolean;
  dryRun?: boolean;
}

export function initCommand(ctx: Context, run = runInit): Command {
  const command = new Command('init')
    .summary('make a keystore: root CA, issuing CA, CRLs')
    .argument('<cluster>', "the cluster's name: one DNS label of at most 40 characters")
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
    .addOption(duration('--crl-lifetime <duration>', 'of the CRLs of issuing CAs (default 30d)'))
    .option('--crl-url <url>', 'where the CRL is published, written into certificates')
    .option('--allow-group-read', 'let the group of the keystore read its public parts');
  return dryRun(withRootPassphrase(withPassphrase(command))).action((cluster, options) => run(ctx, cluster, options));
}

export async function runInit(ctx: Context, cluster: string, options: InitOptions): Promise<void> {
  checkClusterName(cluster);
  const policy = makePolicy(cluster, { ...options, domains: options.domain, planes: options.plane });
  const keystore = ctx.globals.keystore ?? ctx.env.CLUSTER_CA_KEYSTORE;
  const location = newKeystoreLocation({ keystore, cluster, env: ctx.env, cwd: ctx.cwd }, cluster);
  await checkPlaceIsFree(location);
  const plan = planInit({ cluster, policy, location });
  if (options.dryRun) {
    ctx.ui.result({ ...plan, dryRun: true }, (style) => renderInit(plan, style));
    return;
  }
  const secrets = await initSecrets(options, secretContext(ctx));
  const made: InitDocument = await init({
    cluster,
    policy,
    location,
    rootLocation: options.rootKeystore === undefined ? undefined : resolve(ctx.cwd, options.rootKeystore),
    groupRead: options.allowGroupRead ?? false,
    secrets,
    anchors: anchorDirectory(ctx.env),
    now: ctx.now(),
    warn: (message) => ctx.ui.warn(message),
  });
  ctx.ui.result(made, (style) => renderInit(made, style));
}
