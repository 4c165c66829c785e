import { parseName } from '../../x509/name.ts';
import { isWithin, rdnKeys } from '../names/distinguished-name.ts';
import { exactSubtree, type Subtree } from './subtree.ts';

/** A directoryName subtree: the names that begin with the base's RDNs, compared by RFC 5280 §7.1. */
export function directorySubtree(base: Uint8Array): Subtree<string[] | undefined> {
  const rdns = rdnKeys(parseName(base));
  return exactSubtree((name: string[]) => isWithin(name, rdns));
}
