import type { PackedCertificate } from './pack.ts';

/** Octets of packs that are kept. A pack of a fleet has 1.5 MB, and a walk by name needs one of every rotation at once. */
const MOST_OCTETS = 48 * 1024 * 1024;

interface KeptPack {
  /** The DERs, one behind the other. */
  bytes: Uint8Array;
  /** Where each begins, and where the last ends. */
  starts: Uint32Array;
}

/** The certificates of packs that were read: as octets, which is a tenth of what they are as objects. */
export class PackCache {
  /** The one that was used last is the last. */
  readonly #packs = new Map<string, KeptPack>();
  #octets = 0;

  /** The certificates of a pack by their place; undefined when the pack is not kept. */
  get(sha256: string): ((position: number) => Uint8Array | undefined) | undefined {
    const pack = this.#packs.get(sha256);
    if (pack === undefined) return undefined;
    this.#packs.delete(sha256);
    this.#packs.set(sha256, pack);
    return (position) => {
      const [start, end] = [pack.starts[position], pack.starts[position + 1]];
      return start === undefined || end === undefined ? undefined : pack.bytes.subarray(start, end);
    };
  }

  clear(): void {
    this.#packs.clear();
    this.#octets = 0;
  }

  /** Keeps the certificates of a pack as it was read: their octets stand one behind the other in it. */
  add(sha256: string, certificates: readonly PackedCertificate[]): void {
    const [first] = certificates;
    if (first === undefined || this.#packs.has(sha256)) return;
    const starts = new Uint32Array(certificates.length + 1);
    for (const [i, { der }] of certificates.entries()) starts[i + 1] = (starts[i] as number) + der.length;
    const length = starts[certificates.length] as number;
    this.#packs.set(sha256, { bytes: new Uint8Array(first.der.buffer, first.der.byteOffset, length), starts });
    this.#octets += length;
    for (const [oldest, { bytes }] of this.#packs) {
      if (oldest === sha256 || this.#octets <= MOST_OCTETS) break;
      this.#packs.delete(oldest);
      this.#octets -= bytes.length;
    }
  }
}
