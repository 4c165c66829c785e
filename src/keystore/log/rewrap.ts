import { tampered } from '../canonical.ts';
import { isDestroyed, liveAuthorities } from '../hierarchy.ts';
import type { Bodies, Domain, SealedKeyRef } from './bodies.ts';
import type { LogState } from './state.ts';

type Keys = Pick<LogState, 'authorities' | 'audit' | 'destroyed'>;

/** Where private keys are sealed: the CAs', then the audit key's. Destroyed keys are nowhere. */
export function sealedKeys(state: Keys): SealedKeyRef[] {
  return [...liveAuthorities(state).map(({ sealed }) => sealed), state.audit.sealed];
}

/** The epoch of a domain's master key; undefined where the domain holds no key. */
export function domainEpoch(state: Keys, domain: Domain): number | undefined {
  return sealedKeys(state).find((ref) => ref.domain === domain)?.epoch;
}

/**
 * What a rewrap record changes: the same keys, sealed under new master keys. All keys of a domain are under one epoch.
 * @throws ERR_KEYSTORE_TAMPERED
 */
export function applyRewrap(
  state: LogState,
  body: Bodies['rewrap'],
  seq: number,
): Pick<LogState, 'authorities' | 'audit' | 'slots'> {
  const what = `log record ${seq}`;
  const dead = body.authorities.find(({ id }) => isDestroyed(state, id));
  if (dead !== undefined) throw tampered(`${what} rewraps a key of ${dead.id}, which has none`);
  const moved = new Map(body.authorities.map(({ id, sealed }) => [id, sealed]));
  const authorities = state.authorities.map((authority) => {
    const sealed = moved.get(authority.id);
    return sealed === undefined ? authority : { ...authority, sealed: follow(authority.sealed, sealed, what) };
  });
  const audit =
    body.audit === undefined ? state.audit : { ...state.audit, sealed: follow(state.audit.sealed, body.audit, what) };
  const next = { ...state, authorities, audit };
  for (const ref of sealedKeys(next))
    if (ref.epoch !== domainEpoch(next, ref.domain))
      throw tampered(`${what} leaves keys of the ${ref.domain} domain under another master key`);
  return { authorities, audit, slots: body.slots };
}

function follow(before: SealedKeyRef, after: SealedKeyRef, what: string): SealedKeyRef {
  if (after.keyId !== before.keyId || after.domain !== before.domain || after.epoch <= before.epoch)
    throw tampered(`${what} does not seal the same key under a later epoch`);
  return after;
}
