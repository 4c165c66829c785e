import { clockWarning, isBehind } from '../keystore/clock.ts';
import type { OwnCertificate } from './http/own-certificate.ts';
import type { LiveKeystore } from './live-keystore.ts';

/** Why the daemon cannot do its work; undefined when it can. */
export function readiness(of: {
  keystore: LiveKeystore;
  now: () => Date;
  own: () => OwnCertificate;
}): () => Promise<string | undefined> {
  return async () => {
    const now = of.now();
    try {
      const { state } = await of.keystore.current();
      if (isBehind(state, now)) return "this clock is behind the keystore's last record";
      if (clockWarning(state, now) !== undefined) return "this clock is far beyond the keystore's last record";
    } catch {
      return 'the keystore cannot be read';
    }
    if (now.getTime() >= of.own().notAfter + 1000) return "the daemon's own certificate has ended";
    return undefined;
  };
}
