import { hmacSha256, randomBytes, sha256 } from '../crypto/hash.ts';
import { encryptAesCbc, pbkdf2Sha256, pkcs12MacKey } from '../crypto/pkcs12.ts';
import { contextTag, TAG } from '../pki/der/tags.ts';
import { NULL, octetString, oid, sequence, setOf, tlv, unsignedInteger } from '../pki/der/writer.ts';
import { OID } from '../pki/oids.ts';

const P12 = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  /** Java's mark of a certificate that is an anchor: without it keytool takes none of them for trusted. */
  trustedKeyUsage: '2.16.840.1.113894.746875.1.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacWithSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
  sha256: '2.16.840.1.101.3.4.2.1',
};

/** OWASP's figure for PBKDF2 with HMAC-SHA-256. The MAC has as many: it must not be the cheaper way to guess the password. */
const ITERATIONS = 600_000;

export interface Pkcs12Content {
  /** PKCS#8, DER. */
  privateKey: Uint8Array;
  /** The end-entity certificate first, then its issuers. */
  chain: Uint8Array[];
  /** The name under which programs find the key. */
  friendlyName: string;
  /** Trust anchors with their names: Java uses the file as its trust store too. */
  anchors: { der: Uint8Array; friendlyName: string }[];
}

/**
 * A PKCS#12 file (RFC 7292): key and certificates each encrypted by PBES2 (PBKDF2 with HMAC-SHA-256, AES-256-CBC), the
 * whole under a MAC with SHA-256, as OpenSSL 3 and Java write it.
 * @param password UTF-8
 */
export async function encodePkcs12(content: Pkcs12Content, password: Uint8Array): Promise<Uint8Array> {
  const { privateKey, chain, friendlyName, anchors } = content;
  const [leaf, ...issuers] = chain as [Uint8Array, ...Uint8Array[]];
  const localKeyId = attribute(P12.localKeyId, octetString(sha256(leaf).subarray(0, 20)));
  const own = [nameAttribute(friendlyName), localKeyId];
  const shrouded = await pbes2(privateKey, password);
  const keys = sequence(bag(P12.shroudedKeyBag, sequence(shrouded.algorithm, octetString(shrouded.ciphertext)), own));
  const trusted = attribute(P12.trustedKeyUsage, oid(OID.anyExtendedKeyUsage));
  const certificates = sequence(
    certificateBag(leaf, own),
    ...issuers.map((der) => certificateBag(der, [])),
    ...anchors.map((anchor) => certificateBag(anchor.der, [nameAttribute(anchor.friendlyName), trusted])),
  );
  const sealed = await pbes2(certificates, password);
  const encrypted = sequence(
    unsignedInteger(0),
    sequence(oid(P12.data), sealed.algorithm, tlv(contextTag(0, false), sealed.ciphertext)),
  );
  const authSafe = sequence(
    sequence(oid(P12.encryptedData), tlv(contextTag(0, true), encrypted)),
    sequence(oid(P12.data), tlv(contextTag(0, true), octetString(keys))),
  );
  return sequence(
    unsignedInteger(3),
    sequence(oid(P12.data), tlv(contextTag(0, true), octetString(authSafe))),
    macData(authSafe, password),
  );
}

/** The integrity of the whole: HMAC-SHA-256 under a key derived from the password as UTF-16. */
function macData(authSafe: Uint8Array, password: Uint8Array): Uint8Array {
  const salt = randomBytes(16);
  const wide = utf16(new TextDecoder().decode(password), true);
  const key = pkcs12MacKey(wide, salt, ITERATIONS);
  const digest = hmacSha256(key, authSafe);
  wide.fill(0);
  key.fill(0);
  return sequence(
    sequence(sequence(oid(P12.sha256), NULL), octetString(digest)),
    octetString(salt),
    unsignedInteger(ITERATIONS),
  );
}

async function pbes2(plaintext: Uint8Array, password: Uint8Array) {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = await pbkdf2Sha256(password, salt, ITERATIONS);
  const ciphertext = encryptAesCbc(key, iv, plaintext);
  key.fill(0);
  const prf = sequence(oid(P12.hmacWithSha256), NULL);
  const kdf = sequence(oid(P12.pbkdf2), sequence(octetString(salt), unsignedInteger(ITERATIONS), prf));
  const algorithm = sequence(oid(P12.pbes2), sequence(kdf, sequence(oid(P12.aes256Cbc), octetString(iv))));
  return { algorithm, ciphertext };
}

function certificateBag(der: Uint8Array, attributes: Uint8Array[]): Uint8Array {
  const value = sequence(oid(P12.x509Certificate), tlv(contextTag(0, true), octetString(der)));
  return bag(P12.certBag, value, attributes);
}

function bag(type: string, value: Uint8Array, attributes: Uint8Array[]): Uint8Array {
  const content = tlv(contextTag(0, true), value);
  return attributes.length === 0 ? sequence(oid(type), content) : sequence(oid(type), content, setOf(...attributes));
}

function attribute(type: string, value: Uint8Array): Uint8Array {
  return sequence(oid(type), setOf(value));
}

function nameAttribute(name: string): Uint8Array {
  return attribute(P12.friendlyName, tlv(TAG.bmpString, utf16(name, false)));
}

/** Big-endian UTF-16; with its two zero octets, as the MAC's key derivation wants it. */
function utf16(text: string, terminated: boolean): Uint8Array {
  const out = new Uint8Array(2 * text.length + (terminated ? 2 : 0));
  for (let i = 0; i < text.length; i++) {
    out[2 * i] = text.charCodeAt(i) >> 8;
    out[2 * i + 1] = text.charCodeAt(i) & 0xff;
  }
  return out;
}
