import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { checkPlanes } from '../issuance/names.ts';
import { DEFAULT_MAX_DEPTH, type PathOptions } from '../pki/path/index.ts';
import { parseTimeArgument } from '../values/time.ts';
import { renderVerify } from '../verification/render.ts';
import { verifyWhat } from '../verification/verify-what.ts';
import { readWhat } from '../what/what.ts';
import { repeatable } from './options.ts';

interface VerifyOptions {
  trust?: string[];
  untrusted?: string[];
  crl?: string[] | false;
  name?: string[];
  purpose?: string[];
  plane?: string[];
  at?: string;
  maxDepth?: string;
  policy?: string[];
  requireExplicitPolicy?: boolean;
  inhibitPolicyMapping?: boolean;
  inhibitAnyPolicy?: boolean;
  strict?: boolean;
  insecureAllowSha1?: boolean;
  insecureAllowMd5?: boolean;
  insecureAllowSmallRsa?: boolean;
}

export function verifyCommand(ctx: Context, run = runVerify): Command {
  return new Command('verify')
    .summary('validate a certificate and say which rule fails')
    .argument('<what>', 'a certificate file, a node, a client or a serial number')
    .addOption(repeatable('--trust <file>', 'trust anchors; then no keystore is opened'))
    .addOption(repeatable('--untrusted <file>', 'further certificates to build the path with'))
    .addOption(repeatable('--crl <file>', 'CRLs; then every certificate needs a current one'))
    .option('--no-crl', "do not read the keystore's revocations")
    .addOption(repeatable('--name <name>', 'a DNS name, IP address, e-mail address or URI that it must have'))
    .addOption(repeatable('--purpose <purpose>', 'server, client, any or an object identifier'))
    .addOption(repeatable('--plane <plane>', "of a node: this plane's certificate"))
    .option('--at <time>', 'at this time instead of now')
    .option('--max-depth <n>', `intermediates allowed (default ${DEFAULT_MAX_DEPTH})`)
    .addOption(repeatable('--policy <oid>', 'a certificate policy that is acceptable'))
    .option('--require-explicit-policy', 'the path must be valid for a policy')
    .option('--inhibit-policy-mapping', 'policy mappings do not count')
    .option('--inhibit-any-policy', 'anyPolicy does not count')
    .option('--strict', 'also what RFC 5280 asks of issuers')
    .option('--insecure-allow-sha1', 'accept signatures with SHA-1')
    .option('--insecure-allow-md5', 'accept signatures with MD5')
    .option('--insecure-allow-small-rsa', 'accept RSA keys under 2048 bits')
    .action((what, options) => run(ctx, what, options));
}

export async function runVerify(ctx: Context, text: string, options: VerifyOptions): Promise<void> {
  const at = options.at === undefined ? ctx.now() : parseTimeArgument(options.at, ctx.now());
  if (at === undefined)
    throw new ClusterCaError('ERR_USAGE', `not a time: ${options.at}`, { hint: 'RFC 3339, a date, or +60d' });
  const pathOptions = readPathOptions(options);
  const what = readWhat(text);
  const keystore = options.trust === undefined ? await openKeystore(ctx) : undefined;
  const document = await verifyWhat(keystore, {
    what,
    trust: options.trust ?? [],
    untrusted: options.untrusted ?? [],
    crls: options.crl === false ? undefined : options.crl,
    useLog: options.crl !== false,
    planes: options.plane && keystore ? checkPlanes(options.plane, keystore.state.policy) : options.plane,
    options: pathOptions,
    at,
  });
  if (ctx.ui.options.json) for (const note of document.notes) ctx.ui.warn(note);
  ctx.ui.result(document, (style) => renderVerify(document, style));
  if (document.valid) return;
  const [first] = document.failures;
  throw new ClusterCaError(
    'ERR_PATH',
    `not valid: ${first?.message ?? 'no path to a trust anchor'}${first === undefined ? '' : ` (${first.rule})`}`,
    {
      hint: first?.hint,
      details: first === undefined ? undefined : { code: first.code },
    },
  );
}

function readPathOptions(options: VerifyOptions): PathOptions {
  const depth =
    options.maxDepth === undefined
      ? undefined
      : /^\d{1,3}$/.test(options.maxDepth)
        ? Number(options.maxDepth)
        : Number.NaN;
  if (Number.isNaN(depth)) throw new ClusterCaError('ERR_USAGE', `--max-depth wants a number, not ${options.maxDepth}`);
  for (const purpose of options.purpose ?? [])
    if (!/^(server|client|any|[0-2](\.\d+)+)$/.test(purpose))
      throw new ClusterCaError('ERR_USAGE', `no such purpose: ${purpose}`, {
        hint: 'server, client, any or an object identifier',
      });
  for (const policy of options.policy ?? [])
    if (!/^[0-2](\.\d+)+$/.test(policy)) throw new ClusterCaError('ERR_USAGE', `not an object identifier: ${policy}`);
  const allow = new Set<'sha1' | 'md5' | 'small-rsa'>();
  if (options.insecureAllowSha1) allow.add('sha1');
  if (options.insecureAllowMd5) allow.add('md5');
  if (options.insecureAllowSmallRsa) allow.add('small-rsa');
  return {
    ...(options.name === undefined ? {} : { names: options.name }),
    ...(options.purpose === undefined ? {} : { purposes: options.purpose }),
    ...(depth === undefined ? {} : { maxDepth: depth }),
    ...(options.policy === undefined ? {} : { policies: options.policy }),
    requireExplicitPolicy: options.requireExplicitPolicy ?? false,
    inhibitPolicyMapping: options.inhibitPolicyMapping ?? false,
    inhibitAnyPolicy: options.inhibitAnyPolicy ?? false,
    strict: options.strict ?? false,
    allow,
  };
}
