import type { Keystore } from '../keystore/keystore.ts';
import type { RevokedSerial } from '../keystore/log/fold.ts';
import { toHex } from '../pki/encoding.ts';
import { type PathCertificate, pathFailure, type RevocationCheck } from '../pki/path/index.ts';
import { formatSerial } from '../pki/serial.ts';
import { formatTime } from '../values/time.ts';

/** Revocation as the log records it: newer than any CRL that was handed out. */
export async function logRevocation(keystore: Keystore): Promise<RevocationCheck> {
  const revoked = new Map<string, Map<string, RevokedSerial>>();
  for (const { id } of keystore.state.authorities) {
    const entries = await keystore.query((index) => index.revocations(id));
    const subject = toHex(keystore.authorityCertificate(id).subject);
    revoked.set(subject, new Map(entries.map((entry) => [entry.serial, entry])));
  }
  return {
    check(certificate: PathCertificate) {
      const { issuer, serialNumber } = certificate.certificate;
      const entry = revoked.get(toHex(issuer))?.get(formatSerial(serialNumber));
      if (entry === undefined) return [];
      return [
        pathFailure(
          'revoked',
          certificate,
          `revoked on ${formatTime(entry.at)}, reason ${entry.reason}, by the keystore's log`,
        ),
      ];
    },
  };
}
