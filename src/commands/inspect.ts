import { Command } from 'commander';
import { type Context, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import type { EndpointFlags } from '../inspecting/endpoint.ts';
import { bytesOf, currentOf, describeWhat, type InspectRequest, inspectWhat } from '../inspecting/inspect-what.ts';
import type { PasswordFlags } from '../inspecting/pkcs12-password.ts';
import { compareDocuments } from '../inspection/compare.ts';
import { publicPem } from '../inspection/pem.ts';
import { renderComparison } from '../inspection/text/compare.ts';
import { encodePem } from '../pki/pem.ts';
import { oneReading, readWhat, type What } from '../what/what.ts';
import { repeatable, withConnection, withExportPassword } from './options.ts';

interface InspectOptions extends EndpointFlags, PasswordFlags {
  pem?: boolean;
}

export function inspectCommand(ctx: Context, run = runInspect): Command {
  const command = new Command('inspect')
    .summary('show what a file, a node, a keystore or a server holds')
    .argument(
      '<what>',
      'a file (certificate, chain, request, CRL, key, PKCS#12, PKCS#7, log record), a directory or keystore, ' +
        'a node, a client, a serial number or HOST:PORT',
    )
    .argument('[other]', 'a second one: what differs')
    .option('--pem', 'print its public parts as PEM');
  return withExportPassword(withConnection(command))
    .option('--name <name>', 'of HOST:PORT: ask for this name, and verify it')
    .addOption(repeatable('--trust <file>', "of HOST:PORT: trust anchors, instead of the keystore's"))
    .action((what, other, options) => run(ctx, what, other, options));
}

export async function runInspect(
  ctx: Context,
  text: string,
  other: string | undefined,
  options: InspectOptions,
): Promise<void> {
  if (options.pem && (other !== undefined || ctx.ui.options.json))
    throw new ClusterCaError('ERR_USAGE', '--pem goes with one thing, and not with --json');
  const what = readWhat(text);
  const second = other === undefined ? undefined : readWhat(other);
  for (const one of [what, second])
    if (one !== undefined) await oneReading(one, () => openKeystore(ctx).catch(() => undefined));
  const request = await readRequest(ctx, options, [what, ...(second === undefined ? [] : [second])]);
  if (options.pem) return ctx.ui.raw(await pemOf(ctx, what, request));
  if (second === undefined) {
    const inspected = await inspectWhat(ctx, what, request);
    return ctx.ui.result(inspected.document, inspected.text);
  }
  const a = await describeWhat(ctx, what, request);
  const comparison = compareDocuments(a, await describeWhat(ctx, second, request));
  ctx.ui.result(comparison, (style) => renderComparison(comparison, { a: text, b: other as string }, style));
}

/** Options are held against what they are for. @throws ERR_USAGE */
async function readRequest(ctx: Context, options: InspectOptions, whats: What[]): Promise<InspectRequest> {
  const { cert, key, starttls, name, trust } = options;
  if (!whats.some(({ type }) => type === 'endpoint') && [cert, key, starttls, name, trust].some((v) => v !== undefined))
    throw new ClusterCaError('ERR_USAGE', '--cert, --key, --starttls, --name and --trust go with HOST:PORT');
  const file = whats.find((what) => what.type === 'file');
  const given = [options.exportPasswordFd, options.exportPasswordFile, options.exportPasswordCommand];
  if (given.every((value) => value === undefined)) return options;
  if (file === undefined) throw new ClusterCaError('ERR_USAGE', '--export-password-… goes with a PKCS#12 file');
  const { pkcs12Opener } = await import('../inspecting/pkcs12-password.ts');
  return { ...options, open: await pkcs12Opener(ctx, options, file.path) };
}

async function pemOf(ctx: Context, what: What, request: InspectRequest): Promise<string> {
  if (what.type === 'name') return (await currentOf(ctx, what)).map((der) => encodePem('CERTIFICATE', der)).join('');
  const { bytes, source } = await bytesOf(ctx, what, request);
  return publicPem(bytes, source, request.open);
}
