import { spawn } from 'node:child_process';
import { ClusterCaError } from '../../errors.ts';
import type { ExecConfiguration } from '../../inventory/alerts-schema.ts';
import { errno } from '../../keystore/directory/errors.ts';
import { parseDuration } from '../../values/duration.ts';
import { formatTime } from '../../values/time.ts';
import { passing, permanent } from './failure.ts';
import { alertPayload } from './payload.ts';
import { type Batch, DEFAULT_SEVERITY, type Sink } from './sink.ts';

const TIMEOUT = 30_000;
/** What is kept of what a program says on stderr. */
const MOST = 1024;

/** A program, run without a shell: the alerts are JSON on its standard input, and never in its arguments. */
export function execSink(
  name: string,
  { command, timeout, minSeverity = DEFAULT_SEVERITY }: ExecConfiguration,
  environment: Record<string, string | undefined>,
): Sink {
  const seconds = timeout === undefined ? undefined : parseDuration(timeout);
  const { CLUSTER_CA_PASSPHRASE: _, ...env } = environment;
  return {
    name,
    minSeverity,
    forgets: false,
    patience: seconds === undefined ? TIMEOUT : seconds * 1000,
    send({ cluster, at, transitions }: Batch, signal: AbortSignal) {
      const alerts = transitions.map(alertPayload);
      return run(
        command,
        env,
        `${JSON.stringify({ schemaVersion: 1, cluster, at: formatTime(at), alerts })}\n`,
        signal,
      );
    },
  };
}

function run(command: string[], env: NodeJS.ProcessEnv, input: string, signal: AbortSignal): Promise<void> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it has started is ended with it.
    const child = spawn(file, args, { env, stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < MOST) said += chunk.toString();
    });
    const end = (): void => {
      kill(child.pid);
      reject(
        new ClusterCaError('ERR_TIMEOUT', `${file} did not end in time, and was killed`, { hint: 'timeout: 60s' }),
      );
    };
    const settle = (): void => signal.removeEventListener('abort', end);
    signal.addEventListener('abort', end, { once: true });
    child.on('error', (cause) => {
      settle();
      reject(permanent(`cannot run ${file} (${errno(cause)})`, 'is its path in the inventory right?', cause));
    });
    // `exit`, not `close`: what it has left running keeps the pipe open.
    child.on('exit', (code, killed) => {
      settle();
      setImmediate(() => {
        child.stderr.destroy();
        const why = said
          .slice(0, MOST)
          .replace(/[\p{C}\s]+/gu, ' ')
          .trim();
        if (code === 0) resolve();
        else reject(passing(`${file} ended with ${code ?? killed}${why === '' ? '' : `: ${why}`}`, 'run it by hand'));
      });
    });
    // A program need not read what it is given.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    if (signal.aborted) end();
  });
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
