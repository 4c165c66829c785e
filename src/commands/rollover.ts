import { Command } from 'commander';
import type { Context } from '../context.ts';
import {
  dryRun,
  duration,
  repeatable,
  withCeremony,
  withDeployment,
  withPassphrase,
  withRootPassphrase,
} from './options.ts';
import type { Course } from './rollover/advance.ts';
import { runRolloverCourse } from './rollover/advance-ceremony.ts';
import { runRolloverConfirm } from './rollover/confirm.ts';
import { runRolloverPlan } from './rollover/plan.ts';
import { runRolloverStart } from './rollover/start.ts';
import { runRolloverStatus } from './rollover/status.ts';

export function rolloverCommand(ctx: Context): Command {
  const command = new Command('rollover').summary('replace a CA without downtime, with proof at every step');
  command.addCommand(startCommand(ctx));
  command.addCommand(
    new Command('status')
      .summary('where it stands: what was proven last, and how old that is')
      .option('--inventory <file>', 'the cluster.yaml with the services: also those that were never asked')
      .action((options) => runRolloverStatus(ctx, options)),
  );
  command.addCommand(
    new Command('plan')
      .summary('try every pair of services in every phase to come: what would break, who does not answer')
      .option('--inventory <file>', 'the cluster.yaml with the services')
      .action((options) => runRolloverPlan(ctx, options)),
  );
  for (const [name, { summary, ...course }] of Object.entries(COURSES))
    command.addCommand(
      onCommand(name, summary, name !== 'run').action((options) => runRolloverCourse(ctx, options, course)),
    );
  command.addCommand(confirmCommand(ctx));
  return command;
}

/** What goes on, or back. */
const COURSES: Record<string, Course & { summary: string }> = {
  advance: {
    summary: 'one phase on: prove, record, deploy what the phase wants',
    direction: 'forward',
    until: 'step',
    question: 'advance the rollover',
  },
  run: {
    summary: 'phase after phase, to the end or to the first guard that does not hold',
    direction: 'forward',
    until: 'end',
    question: 'run the rollover to its end',
  },
  rollback: {
    summary: 'back to the old root, as long as its keys are there',
    direction: 'back',
    until: 'end',
    question: 'take the rollover back',
  },
};

function onCommand(name: string, summary: string, byCeremony: boolean): Command {
  const command = new Command(name)
    .summary(summary)
    .option('--inventory <file>', 'the cluster.yaml with the services')
    .addOption(repeatable('--exclude <name>', 'leave this node or client out: its certificates are revoked'));
  if (byCeremony)
    withCeremony(
      command,
      name === 'rollback' ? 'what the root domain is to remove, at the end' : 'what the root domain has to do next',
    );
  return dryRun(withRootPassphrase(withPassphrase(withDeployment(command))));
}

function confirmCommand(ctx: Context): Command {
  const command = new Command('confirm')
    .summary("the operator's word for a node or client that cannot be probed")
    .argument('<name>', 'the node or client')
    .option('--bundle-sha256 <fingerprint>', 'SHA-256 of the trust bundle that it has (default: the one of this phase)')
    .option('--certificate <fingerprint>', 'the certificate that it has (default: the newest that was issued to it)')
    .option('--inventory <file>', 'the cluster.yaml with the services');
  return dryRun(withPassphrase(command)).action((name, options) => runRolloverConfirm(ctx, name, options));
}

function startCommand(ctx: Context): Command {
  const command = new Command('start')
    .summary('make the new CA; nobody hears of it before the first advance')
    .option('--root', 'a new root CA and issuing CA (what is done without another form)')
    .option('--issuing', 'a new issuing CA under the same root: no phases, in force at once')
    .option('--issuing-cert <file>', "with --issuing, under another PKI's root: the certificate that it gave")
    .option('--from-anchor <file>', "take over a cluster that trusts this CA's certificate: ours replaces it")
    .addOption(repeatable('--domain <domain>', 'with --issuing: a further domain that names may lie in'))
    .addOption(
      repeatable('--permit-ip <cidr>', 'with --issuing: a further range of addresses; none: no address any more'),
    )
    .option('--emergency', 'the old key is stolen: every step has a deadline, who misses it is left out')
    .addOption(duration('--deadline <duration>', 'with --emergency: for each step (default 5m)'))
    .option('--backup <file>', 'keep the backup that is made and restored on trial')
    .option('--inventory <file>', 'check that cluster.yaml can be read before anything is made');
  withCeremony(command, 'what a root on another machine is to sign');
  return dryRun(withRootPassphrase(withPassphrase(command))).action((options) => runRolloverStart(ctx, options));
}
