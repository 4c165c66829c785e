import { STARTTLS } from '../endpoint/starttls.ts';
import { STATUSES } from '../listing/list.ts';
import { CA_KEY_TYPES, KEY_TYPES } from '../pki/x509/algorithm.ts';

/** What a value is, as far as a shell can help with it. */
export type Kind = 'node' | 'what' | 'plane' | 'cluster' | 'authority' | 'slot' | 'file' | 'dir' | 'words' | 'free';

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
  protocol: STARTTLS,
  'type of CA': CA_KEY_TYPES,
};

/** A value or an argument, where it stands: some names mean different things in different places. */
export interface Place {
  command: string;
  name: string;
  /** The option whose value it is. */
  flag?: string | undefined;
}

/** The name under which {@link VALUES} and the kinds know it. */
export function nameOf({ command, name, flag }: Place): string {
  return command === 'init' && flag === '--key-type' ? 'type of CA' : name;
}

export function kindOf(place: Place): Kind {
  const name = nameOf(place);
  if (place.flag === '--authority') return 'authority';
  if (place.command === 'remove' && name === 'name') return 'slot';
  return name in VALUES ? 'words' : (KINDS[name] ?? 'free');
}
