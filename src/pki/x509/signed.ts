import { DerError } from '../der/error.ts';
import { DerReader } from '../der/reader.ts';
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts';

/**
 * The form that certificates, CRLs and certification requests share (RFC 5280 §4.1, §5.1; RFC 2986 §4): a sequence of
 * what is signed, the algorithm and the signature. Read `fields` first, then `close`.
 */
export class SignedReader {
  /** What is signed, field by field. */
  readonly fields: DerReader;
  /** The same as octets, as they were signed. */
  readonly tbs: Uint8Array;
  readonly #outer: DerReader;

  /** @throws DerError when there are more octets than `limit`, or others behind */
  constructor(der: Uint8Array, what: string, limit: number) {
    if (der.length > limit) throw new DerError(`${what} larger than ${limit} bytes`);
    const reader = new DerReader(der);
    this.#outer = reader.enter();
    reader.end();
    const at = this.#outer.offset;
    this.fields = this.#outer.enter();
    this.tbs = this.#outer.since(at);
  }

  /** The rest, once every field was read. @throws DerError when something is left over */
  close(): { signatureAlgorithm: AlgorithmIdentifier; signature: Uint8Array } {
    this.fields.end();
    const signatureAlgorithm = readAlgorithm(this.#outer);
    const signature = this.#outer.octetAlignedBitString();
    this.#outer.end();
    return { signatureAlgorithm, signature };
  }
}
