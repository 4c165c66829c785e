import { randomBytes } from '../crypto/hash.ts';
import { concatBytes } from '../pki/der/writer.ts';
import type { KeyShares } from './key-exchange.ts';
import { EXTENSION, GROUPS, SUITES_12, SUITES_13, type TlsVersion, VERSIONS } from './tls-numbers.ts';

/** Signature schemes (RFC 8446 §4.2.3): ECDSA, Ed25519, RSA-PSS, RSA PKCS#1, and SHA-1 for the oldest servers. */
const SCHEMES = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0203,
  0x0201,
];

/**
 * A ClientHello (RFC 8446 §4.1.2) that asks for everything a server shows in its first flight.
 * @param versions those offered, highest first
 * @returns the handshake message, without the record around it
 */
export function clientHello(
  versions: readonly TlsVersion[],
  serverName: string | undefined,
  shares: KeyShares | undefined,
): Uint8Array {
  const highest = VERSIONS[versions[0] as TlsVersion];
  const older = versions.some((version) => version !== 'TLSv1.3');
  const suites = [
    ...(highest === VERSIONS['TLSv1.3'] ? Object.keys(SUITES_13).map(Number) : []),
    ...(older ? SUITES_12.keys() : []),
  ];
  const extensions = [
    ...(serverName === undefined
      ? []
      : [extension(EXTENSION.serverName, vector16(Uint8Array.of(0), vector16(new TextEncoder().encode(serverName))))]),
    extension(EXTENSION.statusRequest, Uint8Array.of(1, 0, 0, 0, 0)),
    extension(EXTENSION.supportedGroups, vector16(...Object.values(GROUPS).map(uint16))),
    extension(EXTENSION.pointFormats, Uint8Array.of(1, 0)),
    extension(EXTENSION.signatureAlgorithms, vector16(...SCHEMES.map(uint16))),
    extension(EXTENSION.extendedMasterSecret),
    extension(EXTENSION.renegotiationInfo, Uint8Array.of(0)),
    ...(shares === undefined
      ? []
      : [
          extension(EXTENSION.supportedVersions, vector8(...versions.map((version) => uint16(VERSIONS[version])))),
          extension(
            EXTENSION.keyShare,
            vector16(...shares.offered.map(({ group, key }) => concatBytes(uint16(group), vector16(key)))),
          ),
        ]),
  ];
  const body = concatBytes(
    uint16(Math.min(highest, VERSIONS['TLSv1.2'])),
    randomBytes(32),
    vector8(randomBytes(32)),
    vector16(...suites.map(uint16)),
    Uint8Array.of(1, 0),
    vector16(...extensions),
  );
  return concatBytes(Uint8Array.of(1, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff), body);
}

/** A plaintext record of the handshake. */
export function handshakeRecord(message: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(22, 3, 1), vector16(message));
}

function extension(type: number, content: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concatBytes(uint16(type), vector16(content));
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

function vector8(...parts: Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  return concatBytes(Uint8Array.of(content.length), content);
}

function vector16(...parts: Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  return concatBytes(uint16(content.length), content);
}
