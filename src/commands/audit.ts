import { Command } from 'commander';
import { runAuditExport } from '../audit/run-export.ts';
import { runProve } from '../audit/run-prove.ts';
import { runAuditVerify } from '../audit/run-verify.ts';
import type { Context } from '../context.ts';
import { choice, repeatable, withPassphrase } from './options.ts';

export function auditCommand(ctx: Context): Command {
  const command = new Command('audit').summary("verify and export the keystore's log");
  command
    .command('verify')
    .summary('replay the log and check its chain and signatures')
    .option('--audit-key <fingerprint>', 'the audit key that init printed')
    .option('--expect-head <seq:hash>', 'a record that must be in the log')
    .option('--since <file>', 'a checkpoint: what was in the log then must be in it unchanged')
    .addOption(
      repeatable('--trust <file>', "trust anchors that must vouch for the audit key (default: the keystore's root)"),
    )
    .option('--proof <dir>', 'without a keystore: check what audit prove wrote there')
    .action((options) => runAuditVerify(ctx, options));
  command
    .command('export')
    .summary('print the log, one record a line')
    .addOption(choice('--format <format>', 'ndjson or csv', ['ndjson', 'csv']).default('ndjson'))
    .option('--out <file>', 'write it to this file')
    .action((options) => runAuditExport(ctx, options));
  const checkpoint = command.command('checkpoint').summary("print a signed head of the log's Merkle tree");
  // What signs is in the bundle of the verbs that write.
  withPassphrase(checkpoint).action(async (options) => (await import('./writing.ts')).runCheckpoint(ctx, options));
  command
    .command('prove')
    .summary('write a proof that a certificate is in the log')
    .argument('<what>', 'a certificate file or a serial number')
    .option('--checkpoint <file>', 'what audit checkpoint printed, after the certificate was issued')
    .option('--out <dir>', 'write the files of the proof there')
    .action((what, options) => runProve(ctx, what, options));
  return command;
}
