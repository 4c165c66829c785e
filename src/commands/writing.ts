import { runCommandLine } from './command-line.ts';
import { crlCommand } from './crl.ts';
import { deployCommand } from './deploy.ts';
import { exportCommand } from './export.ts';
import { initCommand } from './init.ts';
import { issueCommand } from './issue.ts';
import { joinTokenCommand } from './join-token.ts';
import { keystoreCommand } from './keystore.ts';
import type { CommandTable } from './program.ts';
import { requestCommand } from './request.ts';
import { revokeCommand } from './revoke.ts';
import { rolloverCommand } from './rollover.ts';
import { rotateCommand } from './rotate.ts';
import { trustCommand } from './trust.ts';

export const COMMANDS: CommandTable = {
  init: initCommand,
  issue: issueCommand,
  request: requestCommand,
  rotate: rotateCommand,
  deploy: deployCommand,
  rollover: rolloverCommand,
  trust: trustCommand,
  revoke: revokeCommand,
  crl: crlCommand,
  export: exportCommand,
  keystore: keystoreCommand,
  'join-token': joinTokenCommand,
};

/** Runs a command line whose verb is of this group. @returns the exit code */
export const run = (argv: string[]): Promise<number> => runCommandLine(argv, COMMANDS);

/** For verbs of another group that come to sign after all: nobody else pays for what that loads. */
export { runCheckpoint } from '../audit/run-checkpoint.ts';
export { makeProbe } from '../drift/probe.ts';
