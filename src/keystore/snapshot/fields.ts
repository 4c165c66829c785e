import { fromAscii, fromHex, toHex } from '../../pki/encoding.ts';
import { tampered } from '../canonical.ts';

/** The fields of one row, written or read one behind the other. */
export class Fields {
  readonly bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  putByte(n: number): void {
    this.bytes[this.#at++] = n;
  }

  byte(): number {
    return this.bytes[this.#at++] as number;
  }

  putTime(milliseconds: number): void {
    this.#view.setUint16(this.#at, Math.floor(milliseconds / 2 ** 32));
    this.#view.setUint32(this.#at + 2, milliseconds % 2 ** 32);
    this.#at += 6;
  }

  time(): number {
    const value = this.#view.getUint16(this.#at) * 2 ** 32 + this.#view.getUint32(this.#at + 2);
    this.#at += 6;
    return value;
  }

  putHex(text: string): void {
    const bytes = fromHex(text);
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  hex(octets: number): string {
    const out = toHex(this.bytes.subarray(this.#at, this.#at + octets));
    this.#at += octets;
    return out;
  }

  putText(text: string, width: number): void {
    if (text.length > width) throw tampered(`a name is longer than ${width} characters`);
    for (let i = 0; i < text.length; i++) this.bytes[this.#at + i] = text.charCodeAt(i);
    this.#at += width;
  }

  text(width: number): string {
    let end = this.#at;
    const last = this.#at + width;
    while (end < last && this.bytes[end] !== 0) end++;
    const out = fromAscii(this.bytes.subarray(this.#at, end));
    this.#at = last;
    return out;
  }
}
