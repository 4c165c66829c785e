import { parseAddress } from '../endpoint/address.ts';
import { isLocalHost } from '../endpoint/local.ts';
import { ClusterCaError } from '../errors.ts';
import type { Service } from './services.ts';

/** Without ssh a service is on this host; an address elsewhere says otherwise. @throws ERR_CONFIG with line and column */
export async function checkPlace({ address, ssh, where, label }: Service): Promise<void> {
  if (address === undefined) return;
  const { host } = located(where, () => parseAddress(address));
  if (ssh !== undefined || (await isLocalHost(host))) return;
  throw new ClusterCaError(
    'ERR_CONFIG',
    `${where}: ${label} is not at an address of this host, and its node has no ssh: where is its dir?`,
    { hint: 'say it in the inventory: ssh: USER@HOST, or run this on that host' },
  );
}

function located<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ClusterCaError)) throw error;
    throw new ClusterCaError('ERR_CONFIG', `${where}: ${error.message}`, { hint: error.hint });
  }
}
