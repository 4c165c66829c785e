import { ClusterCaError } from '../errors.ts';

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to its network',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the name cannot be resolved now',
  EACCES: 'not permitted',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS',
};
const HINTS: Record<string, string> = {
  ECONNREFUSED: 'is the service running, and is that its port?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'is that the port for TLS?',
};

/** Nothing came in time. */
export function timedOut(address: string, what: string, timeout: number): ClusterCaError {
  return new ClusterCaError('ERR_TIMEOUT', `${address} did not ${what} within ${timeout / 1000} s`, {
    hint: 'is the address right, and does a firewall let it through? a plaintext service waits in silence too',
    details: { address },
  });
}

/** The network's own error. */
export function unreachable(address: string, cause: unknown): ClusterCaError {
  if (cause instanceof ClusterCaError) return cause;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error';
  return new ClusterCaError('ERR_REMOTE', `cannot reach ${address}: ${REASONS[code] ?? code}`, {
    hint: HINTS[code] ?? 'check the address',
    details: { address, reason: code },
    cause,
  });
}

/** The server answered, but not as it should. */
export function misbehaved(address: string, problem: string, hint?: string, reason?: string): ClusterCaError {
  const details = { address, ...(reason === undefined ? {} : { reason }) };
  return new ClusterCaError('ERR_REMOTE', `${address} ${problem}`, { hint, details });
}
