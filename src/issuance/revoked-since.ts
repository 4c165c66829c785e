import { type Holder, holderKey, type IssuedCertificate } from '../keystore/certificates/row.ts';
import type { Keystore, RevocationMark } from '../keystore/keystore.ts';

/**
 * Who was revoked since it was decided to issue to them. A decision is noted, and looked at again on the head that its
 * record is to follow (docs/keystore-format.md §14): an operator's `revoke` that came between is not undone by a
 * certificate that was on its way.
 */
export class RevokedSince {
  readonly #keystore: Keystore;
  /** Before the first decision. */
  readonly #mark: RevocationMark;
  /** How many certificates of a holder's name were revoked when it was decided; those that had none are not in it. */
  readonly #counts = new Map<string, number>();

  constructor(keystore: Keystore) {
    this.#keystore = keystore;
    this.#mark = keystore.revocationMark;
  }

  /**
   * Notes that it is being decided, on the log as it was read, whether a holder is issued a certificate.
   * @returns every certificate ever issued to its name, on any plane
   */
  async note(holder: Holder): Promise<IssuedCertificate[]> {
    const rows = await this.#keystore.query((index) => index.ofName(holder.kind, holder.name));
    const count = countRevoked(rows);
    if (count === 0) this.#counts.delete(holderKey(holder));
    else this.#counts.set(holderKey(holder), count);
    return rows;
  }

  /** Those of whose name, on any plane, the log as it was read has a revocation that it had not when that was decided. */
  async among<T extends Holder>(holders: readonly T[]): Promise<T[]> {
    if (this.#keystore.hasNoRevocationSince(this.#mark)) return [];
    const since: T[] = [];
    for (const holder of holders) {
      const rows = await this.#keystore.query((index) => index.ofName(holder.kind, holder.name));
      if (countRevoked(rows) > (this.#counts.get(holderKey(holder)) ?? 0)) since.push(holder);
    }
    return since;
  }
}

function countRevoked(rows: readonly IssuedCertificate[]): number {
  return rows.filter(({ revoked }) => revoked !== undefined).length;
}
