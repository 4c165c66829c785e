import type { Keystore } from '../../keystore/keystore.ts';
import { isTakeover } from '../../rollover/takeover.ts';
import { Problem } from '../http/problem.ts';

/** Keeps agents from the services of a cluster that is being taken over. @throws Problem 409 */
export function refuseInTakeover(keystore: Keystore): void {
  if (!isTakeover(keystore)) return;
  throw new Problem(409, 'takeover', 'a cluster of another CA is being taken over, which no agent takes part in', {
    code: 'ERR_STATE',
    hint: 'it is tried again until that is done: cluster-ca rollover status, where the keystore is',
  });
}
