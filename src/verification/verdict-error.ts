import { ClusterCaError } from '../errors.ts';
import type { PathFailure } from '../pki/path/index.ts';

/** The verdict as an error: the most informative failure, and what to do. */
export function verdictError(first: PathFailure | undefined): ClusterCaError {
  if (first === undefined) return new ClusterCaError('ERR_PATH', 'not valid: no path to a trust anchor');
  const { message, rule, hint, code } = first;
  const text = message.startsWith('not valid') ? message : `not valid: ${message}`;
  return new ClusterCaError('ERR_PATH', `${text} (${rule})`, { hint, details: { code } });
}
