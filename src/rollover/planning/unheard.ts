// Why an agent proves nothing, in the words of a proof's `error`, and the command that helps: both go into the log, and
// what helps is told by the words.

/** Nobody who could hear it is there. */
export const NO_DAEMON = 'its agent is heard by cluster-ca serve alone, which does not run on this keystore';
/** Who could hear it has ended while it was asked. */
export const DAEMON_ENDED = 'cluster-ca serve, which hears its agent, has ended meanwhile';

/** Who hears it is there, and has not answered. @param seconds how long it was waited for */
export function daemonBusy(seconds: number): string {
  return `cluster-ca serve, which hears its agent, runs and has not answered for ${seconds} s: it is busy`;
}

/** It is of a version that does not know the question. */
export function agentTooOld(name: string, version: string): string {
  return `the agent ${version} on ${name} does not answer probes`;
}

/** What helps where a node's own agent does not prove what is to be proven. */
export function unheardHint(name: string, error: string | undefined): string {
  const gone = `where it is gone for good: cluster-ca rollover advance --exclude ${name}`;
  if (error === NO_DAEMON || error === DAEMON_ENDED)
    return 'start it (cluster-ca serve, or systemctl start cluster-ca-serve), then run the same command again';
  if (error?.startsWith('cluster-ca serve, which hears its agent, runs'))
    return 'journalctl -u cluster-ca-serve says with what; then run the same command again';
  if (error?.endsWith(' does not answer probes'))
    return `upgrade it: install this version of cluster-ca on ${name}, and restart cluster-ca-agent there; ${gone}`;
  return `on ${name}: journalctl -u cluster-ca-agent; then run the same command again; ${gone}`;
}
