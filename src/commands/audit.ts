import { Command } from 'commander';
import { renderAudit } from '../audit/render.ts';
import { runAuditExport } from '../audit/run-export.ts';
import { auditLog } from '../audit/verify.ts';
import { type Context, directoryStore, keystoreLocation, openKeystore } from '../context.ts';
import { ClusterCaError } from '../errors.ts';
import { anchorDirectory, parseHead, readAnchor } from '../keystore/anchor.ts';
import { clockWarning } from '../keystore/clock.ts';
import { decodeIdentity } from '../keystore/identity.ts';
import { readInputFile } from '../what/read-file.ts';
import { choice, repeatable } from './options.ts';

interface VerifyOptions {
  auditKey?: string;
  expectHead?: string;
  trust?: string[];
}

export function auditCommand(ctx: Context): Command {
  const command = new Command('audit').summary("verify and export the keystore's log");
  command
    .command('verify')
    .summary('replay the log and check its chain and signatures')
    .option('--audit-key <fingerprint>', 'the audit key that init printed')
    .option('--expect-head <seq:hash>', 'a record that must be in the log')
    .addOption(
      repeatable('--trust <file>', "trust anchors that must vouch for the audit key (default: the keystore's root)"),
    )
    .action((options) => runAuditVerify(ctx, options));
  command
    .command('export')
    .summary('print the log, one record a line')
    .addOption(choice('--format <format>', 'ndjson or csv', ['ndjson', 'csv']).default('ndjson'))
    .option('--out <file>', 'write it to this file')
    .action((options) => runAuditExport(ctx, options));
  return command;
}

export async function runAuditVerify(ctx: Context, options: VerifyOptions): Promise<void> {
  const auditKey = options.auditKey?.toLowerCase().replaceAll(':', '');
  if (auditKey !== undefined && !/^[0-9a-f]{64}$/.test(auditKey))
    throw new ClusterCaError('ERR_USAGE', `not a fingerprint: ${options.auditKey}`, {
      hint: '64 hexadecimal digits, as init printed them',
    });
  const expectHead = options.expectHead === undefined ? undefined : parseHead(options.expectHead);
  if (options.expectHead !== undefined && expectHead === undefined)
    throw new ClusterCaError('ERR_USAGE', `not a head: ${options.expectHead}`, {
      hint: 'SEQ:HASH, as audit verify prints it',
    });
  const store = directoryStore(keystoreLocation(ctx));
  const identityBytes = await store.readIdentity();
  if (identityBytes === undefined) await openKeystore(ctx);
  const trust = options.trust?.map((path) => ({ name: path, bytes: readInputFile(path, 'trust bundle') }));
  let anchor: Awaited<ReturnType<typeof readAnchor>>;
  try {
    anchor = identityBytes && (await readAnchor(anchorDirectory(ctx.env), decodeIdentity(identityBytes).id));
  } catch {
    // The replay says what is wrong with KEYSTORE.
  }
  const { document, error } = await auditLog(store, {
    auditKey,
    expectHead,
    trust,
    anchor,
    now: ctx.now(),
    onProgress: (records) => ctx.ui.progress(`${records} records verified`),
  });
  ctx.ui.endProgress();
  const leap = document.last && clockWarning({ time: Date.parse(document.last) }, ctx.now());
  if (leap) ctx.ui.warn(leap);
  if (!document.rollbackChecked)
    ctx.ui.warn(
      'there is no anchor of this keystore here and no --expect-head: an older copy of it would look the same',
    );
  ctx.ui.result(document, (style) => renderAudit(document, style));
  if (error !== undefined) throw error;
}
