import { ClusterCaError } from '../errors.ts';
import type { DeployDocument } from './document.ts';

/** ERR_PARTIAL when a service failed or is pending; undefined when none did. */
export function verdictOf({ services }: Pick<DeployDocument, 'services'>): ClusterCaError | undefined {
  const open = services.filter(({ state }) => state === 'failed' || state === 'pending');
  const [first] = open.toSorted((a, b) => (a.state === b.state ? 0 : a.state === 'failed' ? -1 : 1));
  if (first === undefined) return undefined;
  const names = [...new Set(open.map(({ node }) => node))].join(', ');
  const failed = open.filter(({ state }) => state === 'failed').length;
  const counts = [
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(open.length === failed ? [] : [`${open.length - failed} pending`]),
  ].join(', ');
  return new ClusterCaError('ERR_PARTIAL', `not every service was done (${names}): ${counts}`, {
    hint: first.error?.hint ?? 'run the same command again: it does what is left',
    details: { services: open },
  });
}
