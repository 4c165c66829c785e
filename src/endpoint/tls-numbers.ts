/** TLS versions by their numbers on the wire. */
export const VERSIONS = { 'TLSv1.3': 0x0304, 'TLSv1.2': 0x0303, 'TLSv1.1': 0x0302, TLSv1: 0x0301 } as const;

export type TlsVersion = keyof typeof VERSIONS;

/** Cipher suites of TLS 1.3 (RFC 8446 §B.4) with what decrypting their records takes. */
export const SUITES_13: Record<number, { name: string; cipher: string; hash: 'sha256' | 'sha384'; key: number }> = {
  4865: { name: 'TLS_AES_128_GCM_SHA256', cipher: 'aes-128-gcm', hash: 'sha256', key: 16 },
  4866: { name: 'TLS_AES_256_GCM_SHA384', cipher: 'aes-256-gcm', hash: 'sha384', key: 32 },
  4867: { name: 'TLS_CHACHA20_POLY1305_SHA256', cipher: 'chacha20-poly1305', hash: 'sha256', key: 32 },
};

/** Cipher suites of TLS 1.2 and before that are offered, the best first; the last ones only to find out who takes them. */
export const SUITES_12: ReadonlyMap<number, string> = new Map([
  [49195, 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  [49196, 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  [49199, 'ECDHE-RSA-AES128-GCM-SHA256'],
  [49200, 'ECDHE-RSA-AES256-GCM-SHA384'],
  [52393, 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  [52392, 'ECDHE-RSA-CHACHA20-POLY1305'],
  [158, 'DHE-RSA-AES128-GCM-SHA256'],
  [159, 'DHE-RSA-AES256-GCM-SHA384'],
  [49187, 'ECDHE-ECDSA-AES128-SHA256'],
  [49188, 'ECDHE-ECDSA-AES256-SHA384'],
  [49191, 'ECDHE-RSA-AES128-SHA256'],
  [49192, 'ECDHE-RSA-AES256-SHA384'],
  [49161, 'ECDHE-ECDSA-AES128-SHA'],
  [49162, 'ECDHE-ECDSA-AES256-SHA'],
  [49171, 'ECDHE-RSA-AES128-SHA'],
  [49172, 'ECDHE-RSA-AES256-SHA'],
  [51, 'DHE-RSA-AES128-SHA'],
  [57, 'DHE-RSA-AES256-SHA'],
  [156, 'AES128-GCM-SHA256'],
  [157, 'AES256-GCM-SHA384'],
  [60, 'AES128-SHA256'],
  [61, 'AES256-SHA256'],
  [47, 'AES128-SHA'],
  [53, 'AES256-SHA'],
  [10, 'DES-CBC3-SHA'],
]);

/** Messages of the handshake (RFC 8446 §4, RFC 5246 §7.4). */
export const MESSAGE = {
  serverHello: 2,
  certificate: 11,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  finished: 20,
  certificateStatus: 22,
} as const;

export const EXTENSION = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  extendedMasterSecret: 23,
  supportedVersions: 43,
  certificateAuthorities: 47,
  keyShare: 51,
  renegotiationInfo: 0xff01,
} as const;

/** Named groups of a key exchange, as they are offered. */
export const GROUPS = { x25519: 29, secp256r1: 23, secp384r1: 24, secp521r1: 25 } as const;
