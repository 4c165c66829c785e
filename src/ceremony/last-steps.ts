import { ClusterCaError } from '../errors.ts';
import { isDestroyed, phaseOf, rootOf } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { KeystoreWriter } from '../keystore/writer.ts';
import { lastCrlLifetime } from '../rollover/finish.ts';
import { rootInForce } from '../rollover/make-hierarchy.ts';
import { type Asked, askForCrl } from './request.ts';

/**
 * What the root domain has to do for the steps of a rollover that end it: in `retire` the root that goes signs its last
 * CRL; when it is over, the keys that were destroyed are removed on the medium.
 * @throws ERR_STATE where it has nothing to do
 */
export async function askForLastStep(writer: KeystoreWriter): Promise<Asked> {
  const { keystore } = writer;
  const { state } = keystore;
  const phase = phaseOf(state);
  const old = rootOf(state, 'old');
  if (phase === 'retire' && old !== undefined && state.rollover?.form === 'root') {
    const now = writer.options.now().getTime();
    const { notAfter } = keystore.authorityCertificate(old.id);
    return askForCrl(writer, 'last-crl', old, lastCrlLifetime(notAfter, now, state.policy));
  }
  const asked = askToRemove(keystore);
  if (asked !== undefined && (phase === 'stable' || phase === 'done')) return asked;
  throw new ClusterCaError('ERR_STATE', `the root domain has nothing to do in the phase ${phase}`, {
    hint:
      phase === 'stable' || phase === 'done'
        ? 'cluster-ca rollover start --request FILE begins a rollover'
        : 'without --request, cluster-ca rollover advance goes on: the root domain is needed in retire',
  });
}

/** That the medium removes the keys which the log says were destroyed; undefined where there are none. */
export function askToRemove(keystore: Keystore): Asked | undefined {
  const { state } = keystore;
  const destroyed = state.authorities.filter(({ id, sealed }) => isDestroyed(state, id) && sealed.domain === 'root');
  return destroyed.length === 0 ? undefined : { type: 'destroy', authority: rootInForce(keystore), destroyed };
}
