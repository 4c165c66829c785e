import type { Desired } from '../../agent/protocol.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { encodeCanonical } from '../../keystore/canonical.ts';
import { everyAnchor, signingIssuer } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { LogState } from '../../keystore/log/state.ts';
import { crlOrder, trustBundle } from '../../keystore/public.ts';
import { fromBase64 } from '../../pki/encoding.ts';
import { encodePem } from '../../pki/pem.ts';
import { formatTime } from '../../values/time.ts';
import { rotationSettings } from '../settings.ts';

const DAY = 86_400;
/** An anchor that ends leaves the bundle without a record: the time is looked at again after this, milliseconds. */
const FRESH = 60_000;

/** What every node is to have, made anew when the log has changed it: a thousand polls share one. */
export class DesiredState {
  #made: { of: string; at: number; desired: Desired } | undefined;

  async of(keystore: Keystore, now: Date): Promise<Desired> {
    const of = whatCounts(keystore.state);
    const at = now.getTime();
    if (this.#made?.of === of && at - this.#made.at < FRESH && at >= this.#made.at) return this.#made.desired;
    const desired = await make(keystore, now);
    this.#made = { of, at, desired };
    return desired;
  }
}

/** Of a state, what decides: most records change none of it. */
function whatCounts(state: LogState): string {
  const { crls, trusted, scheduler, rollover, authorities, destroyed } = state;
  return [
    crls.map(({ sha256 }) => sha256).join(),
    trusted?.map(({ certificate }) => certificate).join(),
    scheduler?.rotateBeforeDays,
    rollover?.phase,
    rollover?.withdrawn,
    authorities.length,
    destroyed?.join(),
  ].join('\n');
}

async function make(keystore: Keystore, now: Date): Promise<Desired> {
  const { state } = keystore;
  const crls: Desired['crls'] = [];
  for (const { id, role } of crlOrder(state, now)) {
    const pem = encodePem('X509 CRL', await keystore.crl(id));
    const ref = state.crls.find(({ authority }) => authority === id);
    crls.push({ authority: id, role, nextUpdate: formatTime(Date.parse(ref?.nextUpdate ?? '')), pem });
  }
  const signing = signingIssuer(state);
  const { rotateBeforeDays } = rotationSettings(state);
  const { rotateBefore, nodeLifetime } = state.policy;
  const desired = {
    cluster: state.cluster,
    trustBundle: trustBundle(keystore, now),
    anchors: everyAnchor(state)
      .map((anchor) => encodePem('CERTIFICATE', anchor))
      .join(''),
    crls,
    ...(signing === undefined ? {} : { issuer: sha256Hex(fromBase64(signing.certificate)) }),
    policy: {
      rotateBefore: rotateBeforeDays === undefined ? rotateBefore : rotateBeforeDays * DAY,
      nodeLifetime,
    },
  };
  const version = sha256Hex(new TextEncoder().encode(encodeCanonical(desired))).slice(0, 32);
  return { version, ...desired };
}
