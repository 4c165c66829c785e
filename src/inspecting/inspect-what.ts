import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Context, openKeystore, openKeystoreAt } from '../context.ts';
import { certificateObject, certificateObjectOf } from '../documents/certificate-object.ts';
import { ClusterCaError } from '../errors.ts';
import type { OpenPkcs12 } from '../inspection/container.ts';
import type { InspectionDocument } from '../inspection/document.ts';
import { inspectBytes } from '../inspection/inspect.ts';
import { critical } from '../inspection/problem.ts';
import { renderInspection } from '../inspection/text/render.ts';
import type { IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { certificatesOf, type NamedHolder } from '../what/holder.ts';
import { readInputFile } from '../what/read-file.ts';
import type { What } from '../what/what.ts';
import { type Inspected, inspectionContext } from './context.ts';
import type { EndpointFlags } from './endpoint.ts';
import { keystoreDocument } from './keystore-document.ts';
import { renderKeystore, renderNode } from './render.ts';

/** What `inspect` is told besides the WHAT. */
export interface InspectRequest extends EndpointFlags {
  /** Opens a PKCS#12 file with the password given, if there is one. */
  open?: OpenPkcs12 | undefined;
}

/** Describes whatever a WHAT means. @throws ERR_CONFIG, ERR_NOT_FOUND, ERR_REMOTE, … */
export async function inspectWhat(ctx: Context, what: What, request: InspectRequest): Promise<Inspected> {
  switch (what.type) {
    case 'directory':
      return inspectPlace(ctx, resolve(ctx.cwd, what.path));
    case 'name':
      return inspectName(ctx, what);
    case 'endpoint':
      return (await import('./endpoint.ts')).inspectEndpoint(ctx, what.address, request);
    case 'file':
      return inspectFile(ctx, what.path, request);
    case 'serial':
      return shown(ctx, await describeIssued(ctx, what));
  }
}

/** Octets that can be inspected, with what they are called: a file's, a served chain's, an issued certificate's. */
export async function bytesOf(
  ctx: Context,
  what: What,
  request: InspectRequest,
): Promise<{ bytes: Uint8Array; source: string }> {
  if (what.type === 'file') return { bytes: readInputFile(what.path), source: what.path };
  if (what.type === 'endpoint') {
    const { servedPem } = await import('./endpoint.ts');
    return { bytes: await servedPem(what.address, request), source: what.address };
  }
  if (what.type === 'directory')
    throw new ClusterCaError('ERR_USAGE', `${what.path} is a directory: certificates, requests, CRLs and keys compare`);
  const { keystore, row } = await issuedRow(ctx, what);
  return { bytes: await keystore.der(row), source: what.type === 'serial' ? what.serial : what.name };
}

/** The document of one side of a comparison. */
export async function describeWhat(ctx: Context, what: What, request: InspectRequest): Promise<InspectionDocument> {
  if (what.type === 'serial' || what.type === 'name') return describeIssued(ctx, what);
  const { bytes, source } = await bytesOf(ctx, what, request);
  return inspectBytes(bytes, { ...inspectionContext(ctx, source), openPkcs12: request.open });
}

async function inspectFile(ctx: Context, path: string, { open }: InspectRequest): Promise<Inspected> {
  const bytes = readInputFile(path);
  if (bytes[0] === 0x7b) {
    const { inspectRecord, looksLikeRecord } = await import('./record.ts');
    if (looksLikeRecord(bytes)) return inspectRecord(bytes, resolve(ctx.cwd, path));
  }
  const document = inspectBytes(bytes, { ...inspectionContext(ctx, path), openPkcs12: open });
  if (open !== undefined && document.kind !== 'pkcs12')
    throw new ClusterCaError('ERR_USAGE', `${path} is no PKCS#12 file: --export-password-… does not go with it`);
  if ([document, ...(document.others ?? [])].some(({ kind }) => kind === 'private-key'))
    await (await import('./key-owners.ts')).addOwners(ctx, document, resolve(ctx.cwd, path));
  return shown(ctx, document);
}

function shown(ctx: Context, document: InspectionDocument): Inspected {
  return { document, text: (style) => renderInspection(document, style, ctx.now()) };
}

/** A keystore, or a directory with the files of one or several nodes. */
async function inspectPlace(ctx: Context, directory: string): Promise<Inspected> {
  const now = ctx.now();
  if (!['KEYSTORE', 'log', 'sealed', 'slots'].some((part) => existsSync(join(directory, part)))) {
    const found = (await import('./directory.ts')).inspectDirectory(ctx, directory);
    if (found !== undefined) return found;
  }
  const document = await keystoreDocument(await openKeystoreAt(ctx, directory), now);
  return { document, text: (style) => renderKeystore(document, style, now) };
}

async function inspectName(ctx: Context, what: NamedHolder): Promise<Inspected> {
  const keystore = await openKeystore(ctx);
  const now = ctx.now();
  const rows = await certificatesOf(keystore, what);
  const certificates = await Promise.all(rows.map((row) => certificateObject(keystore, row, now)));
  return {
    document: { kind: 'node', node: what.name, certificates },
    text: (style) => renderNode(what.name, certificates, style, now),
  };
}

/** An issued certificate as it is, with what the log says of it. */
async function describeIssued(ctx: Context, what: What & { type: 'serial' | 'name' }): Promise<InspectionDocument> {
  const { keystore, row } = await issuedRow(ctx, what);
  const der = await keystore.der(row);
  const document = inspectBytes(der, inspectionContext(ctx, row.serial));
  const { kind: issuedTo, ...logged } = certificateObjectOf(row, der, ctx.now());
  if (document.kind !== 'certificate') return document;
  if (logged.status === 'revoked') document.problems.push(critical('revoked', 'it is revoked'));
  return { ...document, ...logged, issuedTo };
}

async function issuedRow(
  ctx: Context,
  what: What & { type: 'serial' | 'name' },
): Promise<{ keystore: Keystore; row: IssuedCertificate }> {
  const keystore = await openKeystore(ctx);
  const row =
    what.type === 'serial'
      ? await keystore.query((index) => index.bySerial(what.serial))
      : (await certificatesOf(keystore, what)).findLast((entry) => !entry.superseded);
  if (row !== undefined) return { keystore, row };
  const text = what.type === 'serial' ? what.serial : what.name;
  throw new ClusterCaError('ERR_NOT_FOUND', `the log knows no certificate of ${text}`, {
    hint: 'cluster-ca list --all shows what was issued',
  });
}

/** The DER of every current certificate of a node or client. */
export async function currentOf(ctx: Context, what: NamedHolder): Promise<Uint8Array[]> {
  const keystore = await openKeystore(ctx);
  const rows = (await certificatesOf(keystore, what)).filter(({ superseded }) => !superseded);
  return Promise.all(rows.map((row) => keystore.der(row)));
}
