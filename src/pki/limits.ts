/** What is read at most. Anything over is a typed error before it is parsed, so time stays linear in the input. */
export const LIMITS = {
  /** Bytes of one certificate or certification request. */
  certificate: 64 * 1024,
  /** Bytes of one CRL. */
  crl: 16 * 1024 * 1024,
  /** Bytes of one PEM file. */
  file: 32 * 1024 * 1024,
  /** Constructed values inside each other. */
  nesting: 32,
  /** Extensions of one certificate, request or CRL. */
  extensions: 64,
  /** Names in one certification request or issuance request. */
  names: 100,
  /** Octets of one OBJECT IDENTIFIER. */
  oid: 64,
} as const;
