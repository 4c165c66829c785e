import { ClusterCaError } from '../errors.ts';

let installed = false;

/**
 * Makes Ctrl-C end the process at once with 130, in the form of every other error. This is the one place that ends
 * it: work in flight must not go on, and whatever was begun is finished by the next run.
 * @param say prints the error
 */
export function endAtInterrupt(say: (error: ClusterCaError) => void): void {
  if (installed) return;
  installed = true;
  process.once('SIGINT', () => {
    say(
      new ClusterCaError('ERR_CANCELLED', 'interrupted', {
        hint: 'the same command, run again, finishes what was begun',
      }),
    );
    process.exit(130);
  });
}

/**
 * For a daemon, which ends in its own way: the first SIGTERM or Ctrl-C. It goes on listening, so that nobody else takes
 * that signal for the end of the process; a second one is its end.
 */
export function stopSignal(): Promise<string> {
  process.removeAllListeners('SIGINT');
  const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
  return new Promise((resolve) => {
    let stopping = false;
    const heard = (signal: NodeJS.Signals): void => {
      resolve(signal);
      // By SIGTERM whoever has started programs ends them.
      if (stopping) {
        for (const one of SIGNALS) process.off(one, heard);
        process.kill(process.pid, 'SIGTERM');
      }
      stopping = true;
    };
    for (const signal of SIGNALS) process.on(signal, heard);
  });
}
