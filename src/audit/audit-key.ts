import { sha256, sha256Hex } from '../crypto/hash.ts';
import { createVerifySignature } from '../crypto/verify-signature.ts';
import { tampered } from '../keystore/canonical.ts';
import { OID } from '../pki/oids.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { InputFile } from '../verification/read-sources.ts';
import { verifyFiles } from '../verification/verify-files.ts';

const verify = createVerifySignature();

/** Refuses another audit key than the one that was written down; `expected` in lower-case hex, undefined: any. @throws ERR_KEYSTORE_TAMPERED */
export function checkAuditKey(auditKey: Uint8Array, expected: string | undefined): void {
  const found = sha256Hex(auditKey);
  if (expected !== undefined && expected !== found) throw tampered(`the audit key is ${found}, not ${expected}`);
}

/**
 * A certificate of an audit key validates to the trust anchors, for its own purpose alone. Each root of a rollover has
 * vouched for the key: whoever trusts one of them needs no other.
 * @param untrusted the issuing CAs: below a root that is another PKI's, the first of them vouches for the key
 * @throws ERR_KEYSTORE_TAMPERED, ERR_CONFIG
 */
export function checkVouchedFor(
  certificates: readonly Certificate[],
  trust: InputFile[],
  now: Date,
  untrusted: InputFile[] = [],
): void {
  const verdicts = certificates.toReversed().map((certificate) =>
    verifyFiles({
      subject: { name: 'the audit certificate', bytes: certificate.der },
      trust,
      untrusted,
      options: { purposes: [OID.auditLogSigning] },
      now: new Date(Math.min(now.getTime(), certificate.notAfter)),
      verify,
      sha256: (data) => sha256(data),
    }),
  );
  if (verdicts.some(({ valid }) => valid)) return;
  const why = verdicts[0]?.failures[0]?.message ?? 'no path';
  throw tampered(`the trust anchors do not vouch for the audit key: ${why}`);
}
