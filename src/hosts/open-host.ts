import { ClusterCaError } from '../errors.ts';
import type { Host } from './host.ts';
import { LocalHost } from './local-host.ts';

/** The host that a node is on. @param ssh as the inventory says; undefined: this one */
export function openHost(ssh: string | undefined): Host {
  if (ssh === undefined) return new LocalHost();
  throw new ClusterCaError('ERR_CONFIG', `${ssh} cannot be reached yet: nodes by ssh are not built`);
}
