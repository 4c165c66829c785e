/** What a failure code stands for. */
export interface FailureKind {
  /** The rule that is broken. */
  rule: string;
  /** What it means, for the manual page. */
  meaning: string;
  /** What to do. */
  hint: string;
  /** The higher, the more it tells about the cause; the first failure shown has the highest (see rank.ts). */
  rank: number;
}

const REISSUE = 'issue the certificate anew: cluster-ca issue';
const ISSUER_PROFILE = 'have the issuer make the certificate by RFC 5280, or verify without --strict';

/** Every way in which a path fails. The codes are stable: scripts and the manual page depend on them. */
export const FAILURES = {
  revoked: kind(
    'RFC 5280 §6.3.3',
    'a CRL lists the certificate',
    'replace it: cluster-ca issue NODE, then put the new files in place',
    100,
  ),
  'signature-invalid': kind(
    'RFC 5280 §6.1.3(a)(1)',
    "the issuer's key did not make this signature",
    'the certificate was altered, or another CA has the same name: give the issuer that signed it with --untrusted or --trust',
    95,
  ),
  expired: kind(
    'RFC 5280 §6.1.3(a)(2)',
    'the time is after notAfter',
    'replace it: cluster-ca rotate NODE, then put the new files in place',
    90,
  ),
  'not-yet-valid': kind(
    'RFC 5280 §6.1.3(a)(2)',
    'the time is before notBefore',
    'check the clock of this machine and of the issuer, or choose a time with --at',
    90,
  ),
  'name-mismatch': kind(
    'RFC 9525 §6',
    'no subject alternative name matches the name asked for',
    'connect by a name that the certificate has, or issue one with it: cluster-ca issue NODE --dns NAME',
    88,
  ),
  'purpose-not-allowed': kind(
    'RFC 5280 §4.2.1.12',
    'the extended key usage leaves out the purpose asked for',
    'use a certificate for that purpose: cluster-ca issue --profile peer',
    87,
  ),
  'key-usage-not-allowed': kind(
    'RFC 5280 §4.2.1.3',
    'the key usage does not allow what the purpose needs',
    REISSUE,
    86,
  ),
  'name-not-permitted': kind(
    'RFC 5280 §6.1.3(b)',
    'a name lies outside the permitted subtrees of a CA above it',
    'a new issuing CA with that name: cluster-ca rollover start --issuing --domain DOMAIN',
    89,
  ),
  'name-excluded': kind(
    'RFC 5280 §6.1.3(c)',
    'a name lies in an excluded subtree of a CA above it',
    'use another name, or a CA that does not exclude it',
    89,
  ),
  'name-constraints-unsupported': kind(
    'RFC 5280 §4.2.1.10',
    'a name is malformed, or of a form that is constrained and cannot be compared',
    'remove that name or that constraint',
    89,
  ),
  'name-constraints-malformed': kind(
    'RFC 5280 §4.2.1.10',
    'a subtree of the name constraints is no legal name of its form',
    'replace the CA certificate',
    89,
  ),
  'not-a-ca': kind(
    'RFC 5280 §6.1.4(k)',
    'a certificate that is not for a CA issued another one',
    'give the real issuer with --untrusted',
    83,
  ),
  'key-usage-cert-sign': kind(
    'RFC 5280 §6.1.4(n)',
    'the key usage of an issuer lacks keyCertSign',
    'replace the CA certificate',
    83,
  ),
  'path-length-exceeded': kind(
    'RFC 5280 §6.1.4(l)',
    'more CA certificates below a CA than its pathLenConstraint allows',
    'issue from the CA that has the constraint, or replace its certificate',
    82,
  ),
  'extension-unknown-critical': kind(
    'RFC 5280 §4.2',
    'a critical extension is not known here',
    'replace the certificate by one without it',
    81,
  ),
  'extension-malformed': kind('RFC 5280 §4.2', 'the value of an extension is not what its type says', REISSUE, 94),
  'certificate-malformed': kind('RFC 5280 §4.1', 'a certificate is not the DER that it should be', REISSUE, 94),
  'signature-algorithm-mismatch': kind(
    'RFC 5280 §4.1.1.2',
    'the algorithm inside the signed part differs from the one outside it',
    REISSUE,
    97,
  ),
  'signature-algorithm-insecure': kind(
    'RFC 9155, RFC 6151',
    'signed with SHA-1 or MD5',
    'replace the certificate, or name the algorithm: --insecure-allow-sha1',
    79,
  ),
  'signature-algorithm-unsupported': kind(
    'RFC 5280 §4.1.1.2',
    'signed with an algorithm that is not supported',
    'use RSA, ECDSA or Ed25519',
    79,
  ),
  'key-too-small': kind(
    'NIST SP 800-131A',
    'an RSA key of less than 2048 bits',
    'replace the key, or allow it: --insecure-allow-small-rsa',
    78,
  ),
  'key-unsupported': kind(
    'RFC 5280 §4.1.2.7',
    'a key is malformed, or of a type or curve that is not supported',
    'use RSA, ECDSA on P-256, P-384 or P-521, or Ed25519',
    78,
  ),
  'policy-not-valid': kind(
    'RFC 5280 §6.1.3(f), §6.1.5(g)',
    'an explicit policy is required, and none of those accepted holds for the whole path',
    'accept one of the policies of the path with --policy',
    70,
  ),
  'policy-mapping-any': kind(
    'RFC 5280 §6.1.4(a)',
    'a policy mapping from or to anyPolicy',
    'replace the CA certificate',
    71,
  ),
  'crl-malformed': kind('RFC 5280 §5.1', 'a CRL is not the DER that it should be', 'fetch the CRL again', 66),
  'crl-signature-invalid': kind('RFC 5280 §6.3.3(g)', "a CRL's signature is wrong", 'fetch the CRL again', 65),
  'crl-expired': kind(
    'RFC 5280 §6.3.3(a)',
    'the CRL is past its nextUpdate',
    'fetch a current one: cluster-ca crl --renew',
    64,
  ),
  'crl-not-yet-valid': kind(
    'RFC 5280 §6.3.3(a)',
    'the CRL is before its thisUpdate',
    'check the clock, or choose a time with --at',
    64,
  ),
  'crl-no-next-update': kind(
    'RFC 5280 §5.1.2.5',
    'the CRL does not say until when it is current',
    'have the issuer add nextUpdate',
    64,
  ),
  'crl-signer-not-allowed': kind(
    'RFC 5280 §6.3.3(f)',
    "the key usage of the CRL's signer lacks cRLSign",
    'replace the CA certificate by one with cRLSign',
    65,
  ),
  'crl-signer-not-found': kind(
    'RFC 5280 §6.3.3(f)',
    'no valid path to the signer of the CRL',
    "give the signer's certificate with --untrusted",
    63,
  ),
  'crl-extension-unknown-critical': kind(
    'RFC 5280 §5.2',
    'a critical extension of a CRL or of an entry is not known here',
    'have the issuer leave it out',
    62,
  ),
  'crl-algorithm-refused': kind(
    'RFC 5280 §5.1.1.2',
    'a CRL is signed with an algorithm that is insecure, not supported or contradictory',
    'have the issuer sign it with RSA, ECDSA or Ed25519 and SHA-256',
    62,
  ),
  'crl-delta-without-base': kind(
    'RFC 5280 §5.2.4',
    'a delta CRL without the complete CRL that it belongs to',
    'give the complete CRL with --crl too',
    61,
  ),
  'crl-scope': kind(
    'RFC 5280 §6.3.3(b)',
    "the certificate is outside the CRL's scope, or only some reasons are covered",
    'give the CRL of its distribution point with --crl',
    60,
  ),
  'revocation-unknown': kind(
    'RFC 5280 §6.3.3',
    'CRLs were given, and none of the issuer of this certificate',
    'give a CRL for every level with --crl: cluster-ca crl writes them all',
    59,
  ),
  'budget-signatures': kind(
    'RFC 4158 §5.2',
    'the limit of signature checks was reached',
    'give fewer candidates with --untrusted',
    50,
  ),
  'budget-builds': kind(
    'RFC 4158 §5.2',
    'the limit of paths to be tried was reached',
    'give fewer candidates with --untrusted',
    50,
  ),
  'budget-names': kind(
    'RFC 5280 §4.2.1.10',
    'the limit of comparisons of names with constraints was reached',
    'use a certificate with fewer names or a CA with fewer constraints',
    50,
  ),
  'budget-steps': kind(
    'RFC 4158 §5.2',
    'the limit of steps was reached: certificates or CRLs were made to be expensive',
    'give fewer candidates with --untrusted, and fewer CRLs with --crl',
    50,
  ),
  'max-depth-exceeded': kind(
    'RFC 4158 §5.2',
    'more intermediate CAs than allowed',
    'allow more with --max-depth N',
    45,
  ),
  'untrusted-root': kind(
    'RFC 5280 §6.1',
    'the path ends in a self-signed certificate that is not a trust anchor',
    'if it should be trusted, give it with --trust',
    31,
  ),
  'issuer-not-found': kind(
    'RFC 5280 §6.1.3(a)(4)',
    'no anchor and no candidate has the name of the issuer',
    "give the issuer's certificate with --untrusted, or its root with --trust",
    30,
  ),
  'strict-aki': kind(
    'RFC 5280 §4.2.1.1',
    'authority key identifier absent, critical, or not the subject key identifier of the issuer',
    ISSUER_PROFILE,
    20,
  ),
  'strict-ski': kind('RFC 5280 §4.2.1.2', 'subject key identifier of a CA absent, or critical', ISSUER_PROFILE, 20),
  'strict-serial-number': kind(
    'RFC 5280 §4.1.2.2',
    'serial number negative, zero, or longer than 20 octets',
    ISSUER_PROFILE,
    20,
  ),
  'strict-validity': kind('RFC 5280 §4.1.2.5', 'a time before 2050 that is not a UTCTime', ISSUER_PROFILE, 20),
  'strict-key-usage': kind(
    'RFC 5280 §4.2.1.3',
    'key usage absent in a CA, empty, or with keyCertSign where cA is false',
    ISSUER_PROFILE,
    20,
  ),
  'strict-basic-constraints': kind(
    'RFC 5280 §4.2.1.9',
    'basic constraints of a CA absent or not critical, or a path length where it may not be',
    ISSUER_PROFILE,
    20,
  ),
  'strict-name-constraints': kind(
    'RFC 5280 §4.2.1.10',
    'name constraints not critical, not in a CA, or with a DNS subtree that begins with a period',
    ISSUER_PROFILE,
    20,
  ),
  'strict-policies': kind(
    'RFC 5280 §4.2.1.11',
    'policy constraints or inhibitAnyPolicy not critical, or they or policy mappings outside a CA',
    ISSUER_PROFILE,
    20,
  ),
  'strict-subject': kind(
    'RFC 5280 §4.1.2.6',
    'a CA or an issuer without a name, or an empty subject without subject alternative names',
    ISSUER_PROFILE,
    20,
  ),
  'strict-subject-alt-name': kind(
    'RFC 5280 §4.2.1.6',
    'not critical although the subject is empty, or a malformed name',
    ISSUER_PROFILE,
    20,
  ),
  'strict-authority-info-access': kind(
    'RFC 5280 §4.2.2.1',
    'authority information access critical',
    ISSUER_PROFILE,
    20,
  ),
  'strict-crl-entries': kind(
    'RFC 5280 §5.1.2.6',
    'the list of revoked certificates is there, and empty',
    ISSUER_PROFILE,
    20,
  ),
  'strict-crl-number': kind('RFC 5280 §5.2.3', 'CRL number absent or critical', ISSUER_PROFILE, 20),
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURES;

function kind(rule: string, meaning: string, hint: string, rank: number): FailureKind {
  return { rule, meaning, hint, rank };
}
