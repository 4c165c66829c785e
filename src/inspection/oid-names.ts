import { OID } from '../pki/oids.ts';

/** Signature algorithms under the names that OpenSSL and the RFCs use. */
const SIGNATURES: Record<string, string> = {
  [OID.sha256WithRSAEncryption]: 'sha256WithRSAEncryption',
  [OID.sha384WithRSAEncryption]: 'sha384WithRSAEncryption',
  [OID.sha512WithRSAEncryption]: 'sha512WithRSAEncryption',
  [OID.rsassaPss]: 'rsassaPss',
  [OID.ecdsaWithSHA256]: 'ecdsa-with-SHA256',
  [OID.ecdsaWithSHA384]: 'ecdsa-with-SHA384',
  [OID.ecdsaWithSHA512]: 'ecdsa-with-SHA512',
  [OID.ed25519]: 'ed25519',
  '1.3.101.113': 'ed448',
  '1.2.840.113549.1.1.2': 'md2WithRSAEncryption',
  '1.2.840.113549.1.1.4': 'md5WithRSAEncryption',
  '1.2.840.113549.1.1.5': 'sha1WithRSAEncryption',
  '1.2.840.113549.1.1.14': 'sha224WithRSAEncryption',
  '1.2.840.10045.4.1': 'ecdsa-with-SHA1',
  '1.2.840.10045.4.3.1': 'ecdsa-with-SHA224',
  '1.2.840.10040.4.3': 'dsa-with-SHA1',
  '2.16.840.1.101.3.4.3.2': 'dsa-with-SHA256',
  '2.16.840.1.101.3.4.3.17': 'ml-dsa-44',
  '2.16.840.1.101.3.4.3.18': 'ml-dsa-65',
  '2.16.840.1.101.3.4.3.19': 'ml-dsa-87',
};

const PURPOSES: Record<string, string> = {
  [OID.serverAuth]: 'serverAuth',
  [OID.clientAuth]: 'clientAuth',
  [OID.anyExtendedKeyUsage]: 'anyExtendedKeyUsage',
  [OID.auditLogSigning]: 'auditLogSigning',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
};

const EXTENSIONS: Record<string, string> = {
  ...Object.fromEntries(
    (
      [
        'subjectKeyIdentifier',
        'keyUsage',
        'subjectAltName',
        'basicConstraints',
        'cRLNumber',
        'cRLReason',
        'invalidityDate',
        'deltaCRLIndicator',
        'issuingDistributionPoint',
        'certificateIssuer',
        'nameConstraints',
        'cRLDistributionPoints',
        'certificatePolicies',
        'policyMappings',
        'authorityKeyIdentifier',
        'policyConstraints',
        'extKeyUsage',
        'freshestCRL',
        'inhibitAnyPolicy',
        'authorityInfoAccess',
        'ocspNoCheck',
      ] as const
    ).map((name) => [OID[name], name]),
  ),
  '2.5.29.18': 'issuerAltName',
  '2.5.29.9': 'subjectDirectoryAttributes',
  '1.3.6.1.5.5.7.1.11': 'subjectInfoAccess',
  '1.3.6.1.5.5.7.1.24': 'tlsFeature',
  '1.3.6.1.4.1.11129.2.4.2': 'signedCertificateTimestampList',
  '1.3.6.1.4.1.11129.2.4.3': 'ctPoison',
  '2.16.840.1.113730.1.1': 'netscapeCertType',
  '2.16.840.1.113730.1.13': 'netscapeComment',
};

/** The algorithm's name, or its object identifier. */
export function signatureName(oid: string): string {
  return SIGNATURES[oid] ?? oid;
}

/** True for a signature over MD2, MD5 or SHA-1, which can be forged or soon can. */
export function isWeakSignature(oid: string): boolean {
  return /^(md|sha1|ecdsa-with-SHA1$|dsa-with-SHA1$)/.test(SIGNATURES[oid] ?? '');
}

/** `serverAuth` and the like, or the object identifier. */
export function purposeName(oid: string): string {
  return PURPOSES[oid] ?? oid;
}

/** The extension's name in its RFC; undefined for one that is not known here. */
export function extensionName(oid: string): string | undefined {
  return EXTENSIONS[oid];
}
