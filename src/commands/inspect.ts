import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Context, openKeystore, openKeystoreAt } from '../context.ts';
import { sha256 } from '../crypto/hash.ts';
import { publicKeyOf } from '../crypto/private-key-info.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { certificateObject } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import { keystoreDocument } from '../inspecting/keystore-document.ts';
import { renderKeystore, renderNode } from '../inspecting/render.ts';
import { compareDocuments } from '../inspection/compare.ts';
import type { InspectionDocument } from '../inspection/document.ts';
import { inspectBytes } from '../inspection/inspect.ts';
import { publicPem } from '../inspection/pem.ts';
import { renderComparison } from '../inspection/text/compare.ts';
import { renderInspection } from '../inspection/text/render.ts';
import { encodePem } from '../pki/pem.ts';
import { certificatesOf, type NamedHolder } from '../what/holder.ts';
import { readInputFile } from '../what/read-file.ts';
import { readWhat, type What } from '../what/what.ts';

interface InspectOptions {
  pem?: boolean;
}

export function inspectCommand(ctx: Context, run = runInspect): Command {
  return new Command('inspect')
    .summary('show what a file, a node or a keystore holds')
    .argument(
      '<what>',
      'a file (certificate, chain, request, CRL, key), a keystore directory, a node, a client or a serial number',
    )
    .argument('[other]', 'a second one: what differs')
    .option('--pem', 'print its public parts as PEM')
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
  if (other !== undefined) return compare(ctx, what, readWhat(other), { a: text, b: other });
  const now = ctx.now();
  switch (what.type) {
    case 'directory': {
      const document = await keystoreDocument(await openKeystoreAt(ctx, resolve(ctx.cwd, what.path)), now);
      return ctx.ui.result(document, (style) => renderKeystore(document, style, now));
    }
    case 'name':
      return inspectName(ctx, what, options);
    case 'file':
    case 'serial': {
      const { bytes, source } = await bytesOf(ctx, what);
      if (options.pem) return ctx.ui.raw(publicPem(bytes, source));
      const document = inspect(ctx, bytes, source);
      return ctx.ui.result(document, (style) => renderInspection(document, style, now));
    }
    case 'endpoint':
      throw new ClusterCaError('ERR_USAGE', `${text} is neither a file nor a name`, {
        hint: 'give a file, a keystore directory, a node or a serial number',
      });
  }
}

async function inspectName(ctx: Context, what: NamedHolder, options: InspectOptions): Promise<void> {
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const rows = await certificatesOf(keystore, what);
  if (options.pem) {
    for (const row of rows.filter((entry) => !entry.superseded))
      ctx.ui.raw(encodePem('CERTIFICATE', await keystore.der(row)));
    return;
  }
  const certificates = await Promise.all(rows.map((row) => certificateObject(keystore, row, now)));
  ctx.ui.result({ kind: 'node', node: what.name, certificates }, (style) =>
    renderNode(what.name, certificates, style, now),
  );
}

async function compare(ctx: Context, a: What, b: What, names: { a: string; b: string }): Promise<void> {
  const documents = [];
  for (const what of [a, b]) {
    const { bytes, source } = await bytesOf(ctx, what);
    documents.push(inspect(ctx, bytes, source));
  }
  const comparison = compareDocuments(documents[0] as InspectionDocument, documents[1] as InspectionDocument);
  ctx.ui.result(comparison, (style) => renderComparison(comparison, names, style));
}

/** The octets of a file, or of the certificate that a serial number or a name means. */
async function bytesOf(ctx: Context, what: What): Promise<{ bytes: Uint8Array; source: string }> {
  if (what.type === 'file') return { bytes: readInputFile(what.path), source: what.path };
  if (what.type !== 'serial' && what.type !== 'name')
    throw new ClusterCaError('ERR_USAGE', 'only certificates, requests, CRLs and keys can be compared');
  const keystore = await openKeystore(ctx);
  const row =
    what.type === 'serial'
      ? await keystore.query((index) => index.bySerial(what.serial))
      : (await certificatesOf(keystore, what)).findLast((entry) => !entry.superseded);
  const text = what.type === 'serial' ? what.serial : what.name;
  if (row === undefined)
    throw new ClusterCaError('ERR_NOT_FOUND', `the log knows no certificate of ${text}`, {
      hint: 'cluster-ca list --all shows what was issued',
    });
  return { bytes: await keystore.der(row), source: text };
}

function inspect(ctx: Context, bytes: Uint8Array, source: string): InspectionDocument {
  return inspectBytes(bytes, {
    now: ctx.now(),
    sha256: (data) => sha256(data),
    verifySignature: createVerifySignature(),
    publicKeyOf,
    source,
  });
}
