import { sha256Hex } from '../../crypto/hash.ts';
import type { Changes, RevokedSerial } from '../log/fold.ts';
import type { RequestRow } from '../snapshot/rows.ts';
import type { CertificateRow } from './row.ts';

/** A name, whatever its planes: what certificates are grouped by. */
export function nameKey(row: { kind: string; name: string }): string {
  return `${row.kind}/${row.name}`;
}

/** The key under which a request id is kept. */
export function requestKey(id: string): string {
  return sha256Hex(new TextEncoder().encode(id)).slice(0, 32);
}

function revokedKey({ authority, serial }: { authority: string; serial: string }): string {
  return `${authority}/${serial}`;
}

/** The changes of the log's tail, which the snapshot does not have yet. */
export class Overlay {
  readonly byName = new Map<string, CertificateRow[]>();
  readonly bySerial = new Map<string, CertificateRow>();
  /** By CA and serial: the same serial may come from two CAs. The first revocation of a certificate counts. */
  readonly revoked = new Map<string, RevokedSerial>();
  readonly abandoned = new Set<string>();
  readonly requests: RequestRow[] = [];
  records = 0;

  add(changes: Changes): void {
    this.records++;
    for (const row of changes.issued) {
      const key = nameKey(row);
      const rows = this.byName.get(key);
      if (rows === undefined) this.byName.set(key, [row]);
      else rows.push(row);
      this.bySerial.set(row.serial, row);
    }
    for (const entry of changes.revoked) {
      const key = revokedKey(entry);
      if (!this.revoked.has(key)) this.revoked.set(key, entry);
    }
    for (const serial of changes.abandoned) this.abandoned.add(serial);
    if (changes.request !== undefined) {
      const { id, hash, seq } = changes.request;
      this.requests.push({ id: requestKey(id), hash, seq });
    }
  }

  /** A row of the snapshot or of the tail with what the tail says of it. */
  apply(row: CertificateRow): CertificateRow {
    if (this.revoked.size === 0 && this.abandoned.size === 0) return row;
    const revoked = row.revoked ?? this.revoked.get(revokedKey(row));
    const abandoned = row.abandoned || this.abandoned.has(row.serial);
    if (revoked === row.revoked && abandoned === row.abandoned) return row;
    const { at, reason, invalidityDate } = revoked ?? {};
    return {
      ...row,
      abandoned,
      ...(at === undefined || reason === undefined
        ? {}
        : { revoked: { at, reason, ...(invalidityDate === undefined ? {} : { invalidityDate }) } }),
    };
  }
}
