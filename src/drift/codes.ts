export type Severity = 'critical' | 'warning' | 'info';

export interface FindingKind {
  severity: Severity;
  /** What it means, for the manual page and for SARIF. */
  meaning: string;
  /** What to do. */
  hint: string;
}

const DEPLOY = 'cluster-ca deploy puts it in place and reloads';

/** Everything that `verify --inventory` reports. The codes are stable: pipelines match on them. */
export const FINDINGS = {
  'not-issued': kind('critical', 'no certificate was issued to it', 'cluster-ca issue --inventory FILE'),
  revoked: kind('critical', 'the certificate in use is revoked', `cluster-ca issue, then deploy: ${DEPLOY}`),
  expired: kind('critical', 'the certificate in use has expired', `cluster-ca rotate, then deploy: ${DEPLOY}`),
  'not-yet-valid': kind('critical', 'the certificate in use is not valid yet', 'check the clocks'),
  'not-valid': kind('critical', 'the certificate in use does not validate', 'cluster-ca verify --explain says why'),
  'disk-missing': kind('critical', 'cert.pem, key.pem or ca.pem is not in its directory', DEPLOY),
  'disk-unreadable': kind('critical', 'a file in its directory is not what its name says', DEPLOY),
  'disk-differs': kind('warning', 'the certificate on disk is not the one issued last', DEPLOY),
  'key-mismatch': kind(
    'critical',
    'key.pem does not belong to cert.pem',
    'put the pair in place again before any reload',
  ),
  'stale-process': kind(
    'critical',
    'the process serves another certificate than its files have',
    'reload or restart it',
  ),
  'served-differs': kind('warning', 'what is served is not the certificate issued last', DEPLOY),
  'wrong-node': kind('critical', "the certificate is another node's", DEPLOY),
  'wrong-plane': kind('critical', "the certificate is the other plane's", 'put the files of its own plane there'),
  'missing-san': kind(
    'critical',
    'the certificate lacks a name of the inventory, or the address it is served at',
    'cluster-ca issue --inventory FILE, then deploy',
  ),
  'missing-eku': kind(
    'critical',
    'the certificate lacks serverAuth or clientAuth, which its service needs',
    'cluster-ca issue NODE --profile peer, then deploy',
  ),
  'incomplete-chain': kind(
    'critical',
    'the issuing CA is not sent along: clients that trust only the root refuse it',
    'give the server cert.pem as it was written, with the issuing CA behind the certificate',
  ),
  'bundle-expired-ca': kind(
    'critical',
    'an expired CA stands in the trust bundle: Valkey refuses the whole file',
    'cluster-ca export --format bundle writes one without it',
  ),
  'bundle-lacks-root': kind('critical', 'the trust bundle lacks a root of this cluster', DEPLOY),
  'bundle-foreign-ca': kind(
    'warning',
    'the trust bundle has a CA that is not of this cluster',
    'is it meant to be there?',
  ),
  'crl-missing': kind(
    'critical',
    'the server checks CRLs, and one of a level is missing: OpenSSL then refuses everybody',
    'cluster-ca crl --out crl.pem writes one for every level',
  ),
  'crl-expired': kind('critical', 'a CRL on disk is past its nextUpdate', 'cluster-ca crl --renew, then deploy'),
  'crl-outdated': kind(
    'critical',
    'a CRL on disk lacks certificates revoked since',
    'cluster-ca deploy pushes the CRL',
  ),
  'plaintext-open': kind('critical', 'it answers without TLS too', 'close the port (redis: port 0)'),
  'client-certificate-not-demanded': kind(
    'critical',
    'it lets clients in without a certificate',
    'redis: tls-auth-clients yes; postgres: clientcert=verify-full; nginx: ssl_verify_client on; haproxy: verify required',
  ),
  'client-refused': kind(
    'critical',
    'it refuses the client certificate that was given',
    'cluster-ca inspect HOST:PORT --cert C --key K shows whom it trusts',
  ),
  'weak-protocol': kind('warning', 'it accepts TLS 1.0 or 1.1 (RFC 8996)', 'allow TLS 1.2 and 1.3 only'),
  unreachable: kind('critical', 'nothing answers at its address', 'is it running? is the address right?'),
  'not-seen': kind('info', 'something could not be looked at', 'see the message'),
} as const satisfies Record<string, FindingKind>;

export type FindingCode = keyof typeof FINDINGS;

/** One thing that is not as it should be. */
export interface Finding {
  node: string;
  service: string;
  plane?: string;
  code: FindingCode;
  severity: Severity;
  message: string;
  hint: string;
  /** Where the service stands in the inventory: `cluster.yaml:12:5`. */
  where: string;
}

function kind(severity: Severity, meaning: string, hint: string): FindingKind {
  return { severity, meaning, hint };
}
