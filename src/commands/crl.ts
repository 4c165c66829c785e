import { resolve } from 'node:path';
import { Command } from 'commander';
import { type CrlCeremonyOptions, runCrlRequest } from '../ceremony/crl.ts';
import { runCeremonySign } from '../ceremony/sign.ts';
import { ceremonyStep } from '../ceremony/steps.ts';
import { type Context, openKeystore, openKeystoreToWrite } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { liveAuthorities } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/parts.ts';
import { crlOrder } from '../keystore/public.ts';
import { newRequestId } from '../keystore/request-id.ts';
import { encodePem } from '../pki/pem.ts';
import { writeResultFile } from '../placement/result-file.ts';
import { crlTakers } from '../revocation/render.ts';
import { renewCrls, requireAuthority, requireKey } from '../revocation/renew-crls.ts';
import { crlObject } from '../revocation/revoke.ts';
import { safeText } from '../ui/text/safe.ts';
import { openWriter, unlockRoot } from '../unlocking.ts';
import { runAccept } from './crl-accept.ts';
import { dryRun, duration, withPassphrase, withRootPassphrase } from './options.ts';

interface CrlOptions extends CrlCeremonyOptions {
  der?: boolean;
  renew?: boolean;
}

export function crlCommand(ctx: Context, run = runCrl): Command {
  const command = new Command('crl')
    .summary('print the current CRLs, or sign new ones')
    .option('--out <file>', 'write them to this file')
    .option('--authority <id>', 'of this CA only')
    .option('--der', 'in DER; needs --authority')
    .option('--renew', "sign the issuing CAs' CRLs anew (the root's with --authority)")
    .addOption(duration('--lifetime <duration>', 'with --renew: until nextUpdate'))
    .option('--request <file>', 'with --renew --authority: write what a root on another machine is to sign')
    .option('--sign <request>', 'there: sign it with the key in --root-keystore, and write the answer to --out')
    .option('--accept <file>', "here again: record what was signed; or another PKI's CRLs, above our issuing CA");
  return dryRun(withRootPassphrase(withPassphrase(command))).action((options) => run(ctx, options));
}

/** A ceremony: request, sign, accept. @throws ERR_USAGE for steps that do not go together */
function ceremony(ctx: Context, options: CrlOptions): Promise<void> | undefined {
  const step = ceremonyStep(options);
  if (step === undefined) return undefined;
  if (step === 'sign') return runCeremonySign(ctx, options, ['crl']);
  if (step === 'accept') return runAccept(ctx, options);
  if (!options.renew || options.authority === undefined)
    throw new ClusterCaError('ERR_USAGE', '--request goes with --renew --authority ROOT');
  return runCrlRequest(ctx, options);
}

export async function runCrl(ctx: Context, options: CrlOptions): Promise<void> {
  const step = ceremony(ctx, options);
  if (step !== undefined) return step;
  if (options.der && options.authority === undefined)
    throw new ClusterCaError('ERR_USAGE', '--der needs --authority: a DER file holds one CRL');
  if (options.lifetime !== undefined && !options.renew)
    throw new ClusterCaError('ERR_USAGE', '--lifetime goes with --renew');
  if (options.dryRun && !options.renew)
    throw new ClusterCaError('ERR_USAGE', '--dry-run goes with --renew: nothing else changes anything');
  if (options.der && ctx.ui.options.json)
    throw new ClusterCaError('ERR_USAGE', '--der and --json exclude each other: the document holds PEM');
  const keystore = options.renew
    ? await openKeystoreToWrite(ctx, { rootKeystore: options.rootKeystore })
    : await openKeystore(ctx);
  if (options.authority !== undefined) {
    const authority = requireAuthority({ keystore }, options.authority);
    if (options.renew) requireKey({ keystore }, authority);
  }
  if (options.renew && !options.dryRun) await renew(ctx, keystore, options);
  await print(ctx, keystore, options);
}

/** Whose CRLs are signed anew: the issuing CAs', or the one that is named. */
function toRenew(keystore: Keystore, named: string | undefined, now: number): Authority[] {
  return liveAuthorities(keystore.state).filter((authority) =>
    named === undefined
      ? authority.role === 'issuing' && keystore.authorityCertificate(authority.id).notAfter > now
      : authority.id === named,
  );
}

async function renew(ctx: Context, keystore: Keystore, options: CrlOptions): Promise<void> {
  const now = ctx.now().getTime();
  const chosen = toRenew(keystore, options.authority, now);
  if (options.lifetime !== undefined)
    for (const { id } of chosen)
      if (now + options.lifetime * 1000 > keystore.authorityCertificate(id).notAfter)
        throw new ClusterCaError('ERR_POLICY', `a CRL of ${id} would outlive its CA`, {
          hint: 'give a shorter --lifetime',
        });
  const writer = await openWriter(ctx, keystore, options);
  try {
    const domain = chosen.some((authority) => authority.role === 'root')
      ? await unlockRoot(ctx, keystore, options)
      : writer.daily;
    await writer.inTurn(ctx.globals.wait, () => renewCrls(writer, chosen, domain, newRequestId(), options.lifetime));
    domain.close();
  } finally {
    writer.daily.close();
  }
}

async function print(ctx: Context, keystore: Keystore, options: CrlOptions): Promise<void> {
  const chosen =
    options.authority === undefined
      ? crlOrder(keystore.state, ctx.now())
      : [requireAuthority({ keystore }, options.authority)];
  const crls = [];
  let pem = '';
  for (const { id } of chosen) {
    const der = await keystore.crl(id);
    const ref = keystore.state.crls.find((crl) => crl.authority === id);
    if (ref === undefined) continue;
    crls.push({ ...crlObject(ref), pem: encodePem('X509 CRL', der) });
    pem += encodePem('X509 CRL', der);
  }
  const content = options.der ? await keystore.crl(options.authority as string) : new TextEncoder().encode(pem);
  const dry = options.dryRun ? { dryRun: true } : {};
  if (options.out !== undefined && !options.dryRun) {
    const path = resolve(ctx.cwd, options.out);
    await writeResultFile(path, content);
    ctx.ui.result({ crls, files: [path] }, (style) =>
      [
        `wrote ${safeText(path, style)}`,
        ...(options.der ? [] : crlTakers(style, options.authority !== undefined)),
      ].join('\n'),
    );
  } else if (ctx.ui.options.json) ctx.ui.result({ crls, ...dry }, () => '');
  else if (options.dryRun) {
    const ids = toRenew(keystore, options.authority, ctx.now().getTime()).map(({ id }) => id);
    ctx.ui.result({ crls }, () => `would sign new CRLs of ${ids.join(', ')}`);
  } else ctx.ui.raw(content);
}
