import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import * as exporting from '../exporting/export.ts';
import { defaultSecretName } from '../exporting/kubernetes.ts';
import { checkExport, type ExportOptions, FORMATS, holdsKey } from '../exporting/options.ts';
import { exportPassword } from '../exporting/password.ts';
import { renderExport } from '../exporting/render.ts';
import { checkPlanes } from '../issuance/names.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { PUBLIC_RESULT, SECRET_RESULT, writeResultFile } from '../placement/result-file.ts';
import { certificatesOf, readLegalHolder } from '../what/holder.ts';
import { choice, dryRun, withExportPassword } from './options.ts';

export function exportCommand(ctx: Context, run = runExport): Command {
  const command = new Command('export')
    .summary('write certificates, keys, anchors or CRLs for other programs')
    .argument('[node]', 'a node or client; not with bundle')
    .addOption(choice('--format <format>', 'what to write', FORMATS).default('pem'))
    .option('--from <dir>', 'the --out directory that has the key (p12 and k8s-secret: default here); with pem: add it')
    .option('--plane <plane>', 'of this plane')
    .option('--out <file>', 'write it to this file; - is standard output, for what holds no private key')
    .option('--namespace <name>', 'k8s-secret: the namespace')
    .option('--secret-name <name>', "k8s-secret: the Secret's name (default: NODE-PLANE-tls)");
  return dryRun(withExportPassword(command)).action((node, options) => run(ctx, node, options));
}

export async function runExport(ctx: Context, node: string | undefined, options: ExportOptions): Promise<void> {
  checkExport(node, options);
  const holder = node === undefined ? undefined : readLegalHolder(node);
  const keystore = await openKeystore(ctx);
  if (options.plane !== undefined) checkPlanes([options.plane], keystore.state.policy);
  const certificate = holder && exporting.chooseCertificate(await certificatesOf(keystore, holder), options.plane);
  const secret = holdsKey(options);
  if (secret && certificate !== undefined) exporting.requireUsable(certificate, ctx.now());
  const path = options.out === undefined || options.out === '-' ? undefined : resolve(ctx.cwd, options.out);
  if (options.dryRun)
    return ctx.ui.result(
      { files: path === undefined ? [] : [path], dryRun: true },
      () => `would write ${path ?? 'to standard output'}`,
    );
  const bytes = await content(ctx, keystore, certificate, options);
  try {
    if (path === undefined) {
      if (!ctx.ui.options.json) return ctx.ui.raw(bytes);
      return ctx.ui.result({ files: [], pem: new TextDecoder().decode(bytes) }, () => '');
    }
    await writeResultFile(path, bytes, secret ? SECRET_RESULT : PUBLIC_RESULT);
    ctx.ui.result({ files: [path] }, (style) => renderExport(path, options, style));
  } finally {
    if (secret) bytes.fill(0);
  }
}

async function content(
  ctx: Context,
  keystore: Keystore,
  certificate: IssuedCertificate | undefined,
  options: ExportOptions,
): Promise<Uint8Array> {
  const now = ctx.now();
  const from = resolve(ctx.cwd, options.from ?? '.');
  if (options.format === 'crl') return exporting.exportCrls(keystore, certificate, ctx.now());
  if (certificate === undefined) return exporting.exportBundle(keystore, now);
  if (options.format === 'pem')
    return options.from === undefined
      ? exporting.exportChain(keystore, certificate)
      : exporting.exportCombined(keystore, certificate, from);
  if (options.format === 'k8s-secret') {
    const name = options.secretName === undefined ? defaultSecretName(certificate) : options.secretName;
    return exporting.exportSecret(keystore, certificate, from, { name, namespace: options.namespace }, now);
  }
  const password = await exportPassword(ctx, options);
  try {
    return await exporting.exportPkcs12(keystore, certificate, from, password, now);
  } finally {
    password.fill(0);
  }
}
