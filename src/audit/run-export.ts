import { resolve } from 'node:path';
import { type Context, openKeystore } from '../context.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { ResultFile } from '../placement/result-file.ts';
import { writeOut } from '../ui/stream.ts';
import { CSV_HEADER, exportCsv, exportNdjson } from './export.ts';
import { walkLog } from './walk.ts';

export interface AuditExportOptions {
  format: 'ndjson' | 'csv';
  out?: string;
}

/** How much is put together before it is written. */
const PIECE = 65_536;

/**
 * Prints the log, one record a line; it is verified as it is read. To standard output only what was verified whole
 * before: a damaged log leaves it empty.
 * @throws ERR_KEYSTORE_TAMPERED, ERR_STORAGE
 */
export async function runAuditExport(ctx: Context, options: AuditExportOptions): Promise<void> {
  const keystore = await openKeystore(ctx);
  if (options.out === undefined) {
    const records = await countRecords(ctx, keystore);
    for await (const piece of pieces(ctx, keystore, options.format, records)) if (!(await writeOut(piece))) return;
    return;
  }
  const path = resolve(ctx.cwd, options.out);
  const file = await ResultFile.open(path);
  try {
    for await (const piece of pieces(ctx, keystore, options.format)) await file.write(new TextEncoder().encode(piece));
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
  ctx.ui.result({ files: [path] }, () => `wrote ${path}`);
}

async function countRecords(ctx: Context, keystore: Keystore): Promise<number> {
  let records = 0;
  for await (const _ of walkLog(keystore.store, keystore.identity, keystore.identityBytes))
    ctx.ui.progress(`${++records} records verified`);
  ctx.ui.endProgress();
  return records;
}

async function* pieces(
  ctx: Context,
  keystore: Keystore,
  format: AuditExportOptions['format'],
  most = Number.POSITIVE_INFINITY,
): AsyncGenerator<string> {
  const line = format === 'csv' ? exportCsv : exportNdjson;
  let piece = format === 'csv' ? CSV_HEADER : '';
  for await (const step of walkLog(keystore.store, keystore.identity, keystore.identityBytes)) {
    piece += line(step);
    if (piece.length >= PIECE) {
      yield piece;
      piece = '';
    }
    if (step.entry.seq + 1 >= most) break;
    ctx.ui.progress(`${step.entry.seq + 1} records written`);
  }
  ctx.ui.endProgress();
  yield piece;
}
