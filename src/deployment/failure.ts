import { ClusterCaError } from '../errors.ts';

/** What a service did, as an error. */
export function remote(message: string): ClusterCaError {
  return new ClusterCaError('ERR_REMOTE', message, { hint: 'see the log of the service' });
}
