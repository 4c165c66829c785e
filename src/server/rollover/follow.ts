import { anchorsOf } from '../../keystore/hierarchy.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import { toBase64 } from '../../pki/encoding.ts';
import type { OwnCertificate } from '../http/own-certificate.ts';

export interface Followed {
  /** The anchors by which callers are judged are others now. */
  anchors: () => void;
  /** Another CA issues now than has issued the daemon's own certificate. */
  issuer: () => void;
}

/**
 * Tells, whenever the keystore was read, when a rollover has gone on: new handshakes are then held against the anchors
 * of its phase, and our own certificate is of the CA that issues in it.
 */
export function followRollover(first: Keystore, own: () => OwnCertificate, followed: Followed) {
  const anchorsIn = ({ state }: Keystore): string =>
    anchorsOf(state)
      .map((anchor) => toBase64(anchor))
      .join(' ');
  let anchors = anchorsIn(first);
  let issuer = own().authority;
  return (keystore: Keystore): void => {
    const now = anchorsIn(keystore);
    if (now !== anchors) {
      anchors = now;
      followed.anchors();
    }
    const { id } = keystore.newestIssuing;
    if (id !== issuer) {
      issuer = id;
      if (own().authority !== id) followed.issuer();
    }
  };
}
