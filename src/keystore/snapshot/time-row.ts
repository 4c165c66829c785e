import { toHex } from '../../pki/encoding.ts';
import type { Kind } from '../log/bodies.ts';
import { Fields } from './fields.ts';
import { KINDS, type RowKind } from './row-kind.ts';

/** By end of life, for counting and for what is due. `state`: bit 0 superseded, bit 1 revoked, bits 4 and 5 the kind. */
export interface TimeRow {
  notAfter: number;
  serial: string;
  dueAt: number;
  notBefore: number;
  kind: Kind;
  superseded: boolean;
  revoked: boolean;
}

export const TIME_ROW: RowKind<TimeRow> = {
  width: 6 + 20 + 6 + 6 + 1,
  keyWidth: 26,
  encode(row) {
    const fields = new Fields(new Uint8Array(this.width));
    fields.putTime(row.notAfter);
    fields.putHex(row.serial);
    fields.putTime(row.dueAt);
    fields.putTime(row.notBefore);
    fields.putByte((KINDS.indexOf(row.kind) << 4) | (row.superseded ? 1 : 0) | (row.revoked ? 2 : 0));
    return fields.bytes;
  },
  decode(bytes) {
    const fields = new Fields(bytes);
    const row = { notAfter: fields.time(), serial: fields.hex(20), dueAt: fields.time(), notBefore: fields.time() };
    const state = fields.byte();
    const kind = KINDS[state >> 4] as Kind;
    return { ...row, kind, superseded: (state & 1) !== 0, revoked: (state & 2) !== 0 };
  },
};

/** What the time index says of one certificate: an object for all of them, of the row that it stands on. */
export type TimeView = Omit<TimeRow, 'serial'> & { readonly serial: string };

/** Walks over the rows of a page of the time index; a keystore has hundreds of thousands. */
export class TimeCursor implements TimeView {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = -TIME_ROW.width;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the next row, first to the first. False behind the last. */
  next(): boolean {
    this.#at += TIME_ROW.width;
    return this.#at + TIME_ROW.width <= this.#bytes.length;
  }

  get notAfter(): number {
    return this.#time(0);
  }

  get serial(): string {
    return toHex(this.#bytes.subarray(this.#at + 6, this.#at + 26));
  }

  get dueAt(): number {
    return this.#time(26);
  }

  get notBefore(): number {
    return this.#time(32);
  }

  get kind(): Kind {
    return KINDS[this.#state >> 4] as Kind;
  }

  get superseded(): boolean {
    return (this.#state & 1) !== 0;
  }

  get revoked(): boolean {
    return (this.#state & 2) !== 0;
  }

  get #state(): number {
    return this.#bytes[this.#at + 38] as number;
  }

  #time(offset: number): number {
    const at = this.#at + offset;
    return this.#view.getUint16(at) * 2 ** 32 + this.#view.getUint32(at + 2);
  }
}
