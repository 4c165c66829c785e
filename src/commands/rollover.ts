import { Command } from 'commander';
import type { Context } from '../context.ts';
import { dryRun, duration, repeatable, withPassphrase, withRootPassphrase } from './options.ts';
import { runRolloverStart } from './rollover/start.ts';
import { runRolloverStatus } from './rollover/status.ts';

export function rolloverCommand(ctx: Context): Command {
  const command = new Command('rollover').summary('replace a CA without downtime, with proof at every step');
  command.addCommand(startCommand(ctx));
  command.addCommand(
    new Command('status')
      .summary('where it stands: what was proven last, and how old that is')
      .action(() => runRolloverStatus(ctx)),
  );
  return command;
}

function startCommand(ctx: Context): Command {
  const command = new Command('start')
    .summary('make the new CA; nobody hears of it before the first advance')
    .option('--root', 'a new root CA and issuing CA (what is done without another form)')
    .option('--issuing', 'a new issuing CA under the same root: no phases, in force at once')
    .option('--from-anchor <file>', "take over a cluster that trusts this CA's certificate: ours replaces it")
    .addOption(repeatable('--domain <domain>', 'with --issuing: a further domain that names may lie in'))
    .addOption(
      repeatable('--permit-ip <cidr>', 'with --issuing: a further range of addresses; none: no address any more'),
    )
    .option('--emergency', 'the old key is stolen: every step has a deadline, who misses it is left out')
    .addOption(duration('--deadline <duration>', 'with --emergency: for each step (default 5m)'))
    .option('--backup <file>', 'keep the backup that is made and restored on trial')
    .option('--inventory <file>', 'check that cluster.yaml can be read before anything is made');
  return dryRun(withRootPassphrase(withPassphrase(command))).action((options) => runRolloverStart(ctx, options));
}
