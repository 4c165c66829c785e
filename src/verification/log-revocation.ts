import { isExternal } from '../keystore/hierarchy.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Authority } from '../keystore/log/bodies.ts';
import type { RevokedSerial } from '../keystore/log/fold.ts';
import { toHex } from '../pki/encoding.ts';
import { type PathCertificate, pathFailure, type RevocationCheck } from '../pki/path/index.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import { formatTime } from '../values/time.ts';

/** Revocation as the log records it: newer than any CRL that was handed out. */
export async function logRevocation(keystore: Keystore): Promise<RevocationCheck> {
  const revoked = new Map<string, Map<string, RevokedSerial>>();
  for (const authority of keystore.state.authorities) {
    const { id } = authority;
    const entries = await keystore.query((index) => index.revocations(id));
    const subject = toHex(keystore.authorityCertificate(id).subject);
    revoked.set(
      subject,
      new Map([...entries, ...(await companyEntries(keystore, authority))].map((entry) => [entry.serial, entry])),
    );
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

/** What another PKI has revoked, by the last CRL of its that was brought here. */
async function companyEntries(keystore: Keystore, authority: Authority): Promise<RevokedSerial[]> {
  const { state } = keystore;
  if (!isExternal(state, authority) || !state.crls.some((crl) => crl.authority === authority.id)) return [];
  return [...parseCrl(await keystore.crl(authority.id)).entries()].map((entry) => ({
    authority: authority.id,
    serial: formatSerial(entry.serialNumber),
    at: entry.revocationDate,
    reason: 'unspecified',
  }));
}
