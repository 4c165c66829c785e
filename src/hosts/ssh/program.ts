import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from '../../crypto/hash.ts';
import { ClusterCaError } from '../../errors.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { toHex } from '../../pki/encoding.ts';
import { shellQuote } from './quote.ts';

/** A variable of ssh's environment that holds what it would read a variable's name behind. */
export const DOLLAR = 'CLUSTER_CA_DOLLAR';

/** Starts the system's ssh, no shell between. Its words are to be those that complaint.ts knows. */
export function spawnSsh(args: readonly string[]): ChildProcess {
  const { CLUSTER_CA_PASSPHRASE: _, ...env } = process.env;
  return spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env, LC_ALL: 'C', [DOLLAR]: '$' } });
}

/** The one argument that ssh hands to the login shell. */
export function remoteCommand(script: string, args: readonly string[]): string {
  return ['exec', 'sh', '-c', script, 'sh', ...args].map(shellQuote).join(' ');
}

/** What no output holds by chance. */
export function newMark(): string {
  return toHex(randomBytes(16));
}

export function notStarted(cause: Error): ClusterCaError {
  return new ClusterCaError(
    'ERR_REMOTE',
    `cannot run ssh: ${errno(cause) === 'ENOENT' ? 'there is no such program' : cause.message}`,
    { hint: 'install it: apt-get install openssh-client', cause },
  );
}
