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

/** For a daemon, which ends in its own way: Ctrl-C is left to whoever listens to it next. */
export function leaveInterrupt(): void {
  process.removeAllListeners('SIGINT');
}
