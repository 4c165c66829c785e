import { bitString, oid, sequence, setOf, tlv, unsignedInteger } from '../../../src/pki/der/writer.ts';
import { fromHex } from '../../../src/pki/encoding.ts';
import { OID } from '../../../src/pki/oids.ts';
import { type Extension, encodeExtension } from '../../../src/pki/x509/extension.ts';

const ALGORITHM = sequence(oid(OID.ecdsaWithSHA256));
const KEY = sequence(sequence(oid(OID.ecPublicKey), oid(OID.prime256v1)), bitString(fromHex(`04${'11'.repeat(64)}`)));

/** A name of one common name whose value has this tag and these octets. */
export function rawName(tag: number, content: Uint8Array): Uint8Array {
  return sequence(setOf(sequence(oid(OID.commonName), tlv(tag, content))));
}

/** A name of one common name in UTF-8. */
export function name(text: string): Uint8Array {
  return rawName(0x0c, new TextEncoder().encode(text));
}

export interface Crafted {
  subject?: Uint8Array;
  issuer?: Uint8Array;
  /** The whole INTEGER. */
  serial?: Uint8Array;
  extensions?: Extension[];
  notBefore?: string;
  notAfter?: string;
}

/** A certificate with whatever an attacker likes in it, under a signature that nobody made. */
export function craft(parts: Crafted = {}): Uint8Array {
  const time = (text: string): Uint8Array => tlv(0x18, new TextEncoder().encode(text));
  const extensions = (parts.extensions ?? []).map(encodeExtension);
  const tbs = sequence(
    tlv(0xa0, unsignedInteger(2)),
    parts.serial ?? unsignedInteger(0x4001),
    ALGORITHM,
    parts.issuer ?? name('issuer'),
    sequence(time(parts.notBefore ?? '20260101000000Z'), time(parts.notAfter ?? '20270101000000Z')),
    parts.subject ?? name('subject'),
    KEY,
    ...(extensions.length === 0 ? [] : [tlv(0xa3, sequence(...extensions))]),
  );
  return sequence(tbs, ALGORITHM, bitString(fromHex('3006020101020101')));
}
