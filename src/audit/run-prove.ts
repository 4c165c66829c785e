import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Context, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { storageError } from '../keystore/directory/errors.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { DerError } from '../pki/der/error.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { writeNewResult } from '../placement/result-file.ts';
import { readSources } from '../verification/read-sources.ts';
import { readInputFile } from '../what/read-file.ts';
import { readWhat } from '../what/what.ts';
import { proveCertificate } from './prove.ts';

export interface ProveOptions {
  checkpoint?: string;
  out?: string;
}

/** Writes the proof that a certificate is in the log. @throws ERR_USAGE, ERR_CONFIG, ERR_EXISTS, ERR_NOT_FOUND, ERR_STATE, ERR_STORAGE */
export async function runProve(ctx: Context, text: string, { checkpoint, out }: ProveOptions): Promise<void> {
  if (checkpoint === undefined || out === undefined)
    throw new ClusterCaError('ERR_USAGE', 'a proof is of a checkpoint, and several files', {
      hint: 'audit prove WHAT --checkpoint FILE --out DIR',
    });
  const what = readWhat(text);
  if (what.type !== 'file' && what.type !== 'serial')
    throw new ClusterCaError('ERR_USAGE', `neither a certificate file nor a serial number: ${text}`, {
      hint: 'cluster-ca list shows the serial numbers; an existing file is named with file:PATH',
    });
  const keystore = await openKeystore(ctx);
  const path = resolve(ctx.cwd, checkpoint);
  const note = new TextDecoder().decode(readInputFile(path, 'checkpoint'));
  const certificate = await find(keystore, what);
  const files = await proveCertificate(keystore, certificate, note, checkpoint);
  const directory = resolve(ctx.cwd, out);
  const taken = Object.keys(files).find((name) => existsSync(join(directory, name)));
  if (taken !== undefined) throw isThere(directory, taken);
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw storageError(error, 'make', directory);
  }
  for (const [name, bytes] of Object.entries(files))
    if (!(await writeNewResult(join(directory, name), bytes))) throw isThere(directory, name);
  const paths = Object.keys(files).map((name) => join(directory, name));
  ctx.ui.result({ files: paths, record: certificate.seq, serial: certificate.serial }, () =>
    [
      `wrote ${directory}: certificate ${certificate.serial} was issued by record ${certificate.seq}`,
      `next: cluster-ca audit verify --proof ${out} --trust FILE`,
    ].join('\n'),
  );
}

/** What is there may be a node's own cert.pem, or another proof. */
function isThere(directory: string, name: string): ClusterCaError {
  return new ClusterCaError('ERR_EXISTS', `${join(directory, name)} is there already, and is not overwritten`, {
    hint: 'name another directory with --out DIR: a proof is several files, best in a directory of their own',
  });
}

async function find(keystore: Keystore, what: { type: 'file'; path: string } | { type: 'serial'; serial: string }) {
  const unknown = (of: string): ClusterCaError =>
    new ClusterCaError('ERR_NOT_FOUND', `the log knows no certificate ${of}`, {
      hint: 'cluster-ca list --all shows what was issued',
    });
  if (what.type === 'serial') {
    const row = await keystore.query((index) => index.bySerial(what.serial));
    if (row === undefined) throw unknown(what.serial);
    return row;
  }
  const [source] = readSources({ name: what.path, bytes: readInputFile(what.path) }, 'certificate');
  const der = source?.der ?? new Uint8Array(0);
  const row = await keystore.query((index) => index.bySerial(serialOf(der, what.path)));
  if (row === undefined || !equalBytes(await keystore.der(row), der)) throw unknown(`that is in ${what.path}`);
  return row;
}

function serialOf(der: Uint8Array, path: string): string {
  try {
    return formatSerial(parseCertificate(der).serialNumber);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new ClusterCaError('ERR_CONFIG', `${path} holds no certificate that can be read: ${cause.message}`, {
      cause,
    });
  }
}
