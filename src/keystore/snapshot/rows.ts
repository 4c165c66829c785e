import { fromHex, toHex } from '../../pki/encoding.ts';
import { REASON_CODES, reasonName } from '../../pki/revocation-reason.ts';
import type { CertificateRow, Holder } from '../certificates/row.ts';
import type { Kind } from '../log/bodies.ts';
import type { RevokedSerial } from '../log/fold.ts';
import type { EndEntityProfileName } from '../pack.ts';
import { Fields } from './fields.ts';
import { KINDS, type RowKind } from './row-kind.ts';

const PROFILES: EndEntityProfileName[] = ['peer', 'server', 'client', 'probe'];
const NAME = 64;
const PLANE = 16;
const AUTHORITY = 32;
export const HOLDER_WIDTH = 1 + NAME + PLANE;

/** Texts that many rows have in common, each once. */
const shared = new Map<string, string>();
const MOST_SHARED = 1024;

function once(text: string): string {
  const known = shared.get(text);
  if (known !== undefined) return known;
  if (shared.size < MOST_SHARED) shared.set(text, text);
  return text;
}

/** The first octets of a certificate row's key: everything of one holder, or (without plane) of one name. */
export function holderPrefix(kind: Kind, name: string, plane?: string): Uint8Array {
  const fields = new Fields(new Uint8Array(plane === undefined ? 1 + NAME : HOLDER_WIDTH));
  fields.putByte(KINDS.indexOf(kind));
  fields.putText(name, NAME);
  if (plane !== undefined) fields.putText(plane, PLANE);
  return fields.bytes;
}

/** By holder, oldest first. */
export const CERTIFICATE_ROW: RowKind<CertificateRow> = {
  width: HOLDER_WIDTH + 8 + 20 + AUTHORITY + 1 + 18 + 32 + 1 + 13,
  keyWidth: HOLDER_WIDTH + 8,
  encode(row) {
    const fields = new Fields(new Uint8Array(this.width));
    fields.putByte(KINDS.indexOf(row.kind));
    fields.putText(row.name, NAME);
    fields.putText(row.plane, PLANE);
    fields.putTime(row.seq);
    fields.putByte(row.position >> 8);
    fields.putByte(row.position & 0xff);
    fields.putHex(row.serial);
    fields.putText(row.authority, AUTHORITY);
    fields.putByte(PROFILES.indexOf(row.profile));
    fields.putTime(row.notBefore);
    fields.putTime(row.notAfter);
    fields.putTime(row.dueAt);
    fields.putHex(row.pack);
    fields.putByte((row.abandoned ? 1 : 0) | (row.revoked === undefined ? 0 : 2));
    fields.putTime(row.revoked?.at ?? 0);
    fields.putByte(row.revoked === undefined ? 0 : REASON_CODES[row.revoked.reason]);
    fields.putTime(row.revoked?.invalidityDate ?? 0);
    return fields.bytes;
  },
  decode(bytes) {
    const fields = new Fields(bytes);
    const row = {
      kind: KINDS[fields.byte()] as Kind,
      name: fields.text(NAME),
      plane: once(fields.text(PLANE)),
      seq: fields.time(),
      position: fields.byte() * 256 + fields.byte(),
      serial: fields.hex(20),
      authority: once(fields.text(AUTHORITY)),
      profile: PROFILES[fields.byte()] as EndEntityProfileName,
      notBefore: fields.time(),
      notAfter: fields.time(),
      dueAt: fields.time(),
      pack: once(fields.hex(32)),
    };
    const flags = fields.byte();
    const at = fields.time();
    const reason = reasonName(fields.byte()) ?? 'unspecified';
    const invalidityDate = fields.time();
    const abandoned = (flags & 1) !== 0;
    if ((flags & 2) === 0) return { ...row, abandoned };
    return { ...row, abandoned, revoked: { at, reason, ...(invalidityDate === 0 ? {} : { invalidityDate }) } };
  },
};

/** Where the certificate with a serial is: the key of its certificate row. */
export interface SerialRow {
  serial: string;
  key: Uint8Array;
}

export const SERIAL_ROW: RowKind<SerialRow> = {
  width: 20 + HOLDER_WIDTH + 8,
  keyWidth: 20,
  encode({ serial, key }) {
    const out = new Uint8Array(this.width);
    out.set(fromHex(serial));
    out.set(key, 20);
    return out;
  },
  decode: (bytes) => ({ serial: toHex(bytes.subarray(0, 20)), key: bytes.subarray(20) }),
};

/** By issuing CA: what its CRLs must list. */
export const REVOKED_ROW: RowKind<RevokedSerial> = {
  firstCounts: true,
  width: AUTHORITY + 1 + 20 + 6 + 1 + 6 + 6,
  keyWidth: AUTHORITY + 21,
  encode(row) {
    const fields = new Fields(new Uint8Array(this.width));
    fields.putText(row.authority, AUTHORITY);
    fields.putByte(row.serial.length / 2);
    fields.putHex(row.serial.padStart(40, '0'));
    fields.putTime(row.at);
    fields.putByte(REASON_CODES[row.reason]);
    fields.putTime(row.invalidityDate ?? 0);
    fields.putTime(row.notAfter ?? 0);
    return fields.bytes;
  },
  decode(bytes) {
    const fields = new Fields(bytes);
    const authority = fields.text(AUTHORITY);
    const octets = fields.byte();
    const serial = fields.hex(20).slice(40 - 2 * octets);
    const at = fields.time();
    const reason = reasonName(fields.byte()) ?? 'unspecified';
    const [invalidityDate, notAfter] = [fields.time(), fields.time()];
    const optional = { ...(invalidityDate === 0 ? {} : { invalidityDate }), ...(notAfter === 0 ? {} : { notAfter }) };
    return { authority, serial, at, reason, ...optional };
  },
};

/** The first octets of a revoked row's key: one CA. */
export function authorityPrefix(authority: string): Uint8Array {
  const fields = new Fields(new Uint8Array(AUTHORITY));
  fields.putText(authority, AUTHORITY);
  return fields.bytes;
}

/** Which records a request id (by the first half of its SHA-256) is bound to, and the request's hash. */
export interface RequestRow {
  id: string;
  seq: number;
  hash: string;
}

export const REQUEST_ROW: RowKind<RequestRow> = {
  width: 16 + 6 + 32,
  keyWidth: 22,
  encode({ id, seq, hash }) {
    const fields = new Fields(new Uint8Array(this.width));
    fields.putHex(id);
    fields.putTime(seq);
    fields.putHex(hash);
    return fields.bytes;
  },
  decode(bytes) {
    const fields = new Fields(bytes);
    return { id: fields.hex(16), seq: fields.time(), hash: fields.hex(32) };
  },
};

/** Whose certificate a row is about. */
export function holderOf(row: Holder): Holder {
  return { kind: row.kind, name: row.name, plane: row.plane };
}
