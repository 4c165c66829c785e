import { ClusterCaError } from '../errors.ts';
import type { HolderFailure } from './verify-what.ts';

/** The verdict as an error: the most informative failure, whose it is, and what to do. */
export function verdictError(first: HolderFailure | undefined): ClusterCaError {
  if (first === undefined) return new ClusterCaError('ERR_PATH', 'not valid: no path to a trust anchor');
  const { message, rule, hint, code } = first;
  const text = message.startsWith('not valid') ? message : `not valid: ${message}`;
  const whose = first.node === undefined ? '' : `${holderText(first)}: `;
  return new ClusterCaError('ERR_PATH', `${whose}${text} (${rule})`, { hint, details: { code } });
}

/** `node/plane`; of a client the name alone. */
export function holderText({ node = '', plane }: { node?: string | undefined; plane?: string | undefined }): string {
  return plane === undefined ? node : `${node}/${plane}`;
}
