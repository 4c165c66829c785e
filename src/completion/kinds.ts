import { STATUSES } from '../listing/list.ts';
import { KEY_TYPES } from '../pki/x509/algorithm.ts';

/** What a value is, as far as a shell can help with it. */
export type Kind = 'node' | 'what' | 'plane' | 'cluster' | 'file' | 'dir' | 'words' | 'free';

/** By the names that the command definitions give to arguments and values. */
const KINDS: Readonly<Record<string, Kind>> = {
  node: 'node',
  nodes: 'node',
  names: 'node',
  what: 'what',
  other: 'what',
  plane: 'plane',
  cluster: 'cluster',
  file: 'file',
  path: 'file',
  dir: 'dir',
};

/** Words of values that have no choices in their definitions: those that check them say more when they are wrong. */
export const VALUES: Readonly<Record<string, readonly string[]>> = {
  type: KEY_TYPES,
  profile: ['peer', 'server', 'client'],
  role: ['operator', 'auditor'],
  status: STATUSES,
  purpose: ['server', 'client', 'any'],
};

export function kindOf(name: string): Kind {
  return name in VALUES ? 'words' : (KINDS[name] ?? 'free');
}
