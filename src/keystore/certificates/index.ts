import { fromHex } from '../../pki/encoding.ts';
import type { Kind } from '../log/bodies.ts';
import type { RevokedSerial } from '../log/fold.ts';
import { allRows, mergeRows, type Page, type PageStore, rowsFrom } from '../snapshot/pages.ts';
import {
  authorityPrefix,
  CERTIFICATE_ROW,
  holderPrefix,
  REQUEST_ROW,
  REVOKED_ROW,
  type RequestRow,
  SERIAL_ROW,
  TIME_ROW,
  type TimeRow,
} from '../snapshot/rows.ts';
import { nameKey, type Overlay, requestKey } from './overlay.ts';
import { type CertificateRow, type CertificateStatus, decideSuperseded, type IssuedCertificate } from './row.ts';

/** The snapshot's sorted indexes. */
export interface IndexPages {
  certificates: Page[];
  serials: Page[];
  times: Page[];
  revoked: Page[];
  requests: Page[];
}

export const NO_PAGES: IndexPages = { certificates: [], serials: [], times: [], revoked: [], requests: [] };

const KIND_ORDER: Record<string, number> = { node: 0, client: 1, probe: 2 };

/** The certificates of a keystore: the snapshot's pages under the changes of the log's tail. Reads only what a question needs. */
export class CertificateIndex {
  readonly #pages: IndexPages;
  readonly #store: PageStore;
  readonly #overlay: Overlay;

  constructor(pages: IndexPages, store: PageStore, overlay: Overlay) {
    this.#pages = pages;
    this.#store = store;
    this.#overlay = overlay;
  }

  /** Every certificate ever issued to a name, oldest first. */
  async ofName(kind: Kind, name: string): Promise<IssuedCertificate[]> {
    const rows: CertificateRow[] = [];
    for await (const row of rowsFrom(CERTIFICATE_ROW, this.#pages.certificates, this.#store, holderPrefix(kind, name)))
      rows.push(row);
    return this.#decide([...rows, ...(this.#overlay.byName.get(`${kind}/${name}`) ?? [])]);
  }

  /** The latest certificate of a holder that was not abandoned, whatever became of it. */
  async current(kind: Kind, name: string, plane: string): Promise<IssuedCertificate | undefined> {
    return (await this.ofName(kind, name)).findLast((row) => row.plane === plane && !row.superseded);
  }

  /** The certificate with this serial of 40 hex digits. */
  async bySerial(serial: string): Promise<IssuedCertificate | undefined> {
    const row = this.#overlay.bySerial.get(serial) ?? (await this.#rowBySerial(serial));
    return row && (await this.ofName(row.kind, row.name)).find((found) => found.serial === serial);
  }

  /** Whether there is a certificate with any of these serials. Asked in their order, each page is read once. */
  async anySerial(serials: readonly string[]): Promise<boolean> {
    for (const serial of serials) if (this.#overlay.bySerial.has(serial)) return true;
    if (this.#pages.serials.length === 0) return false;
    for (const serial of serials.toSorted())
      for await (const _ of rowsFrom(SERIAL_ROW, this.#pages.serials, this.#store, fromHex(serial))) return true;
    return false;
  }

  /** A certificate of the log's tail, as its issue record left it: cheap, for those just issued. */
  recent(serial: string): CertificateRow | undefined {
    const row = this.#overlay.bySerial.get(serial);
    return row && this.#overlay.apply(row);
  }

  /** The first names that begin with a prefix, in order: what a shell completes. */
  async namesFrom(kind: Kind, prefix: string, limit: number): Promise<string[]> {
    const names = new Set<string>();
    const key = holderPrefix(kind, prefix).subarray(0, 1 + prefix.length);
    for await (const { name } of rowsFrom(CERTIFICATE_ROW, this.#pages.certificates, this.#store, key)) {
      names.add(name);
      if (names.size >= limit) break;
    }
    for (const [first] of this.#overlay.byName.values())
      if (first?.kind === kind && first.name.startsWith(prefix)) names.add(first.name);
    return [...names].sort().slice(0, limit);
  }

  /** Every certificate, grouped by name: nodes, clients, probes, each in the order of their names. */
  async *all(): AsyncGenerator<IssuedCertificate[]> {
    const added = [...this.#overlay.byName.values()].sort((a, b) => compareNames(a[0], b[0]));
    let next = 0;
    let group: CertificateRow[] = [];
    const flush = (): IssuedCertificate[] | undefined => (group.length === 0 ? undefined : this.#decide(group));
    for await (const row of allRows(CERTIFICATE_ROW, this.#pages.certificates, this.#store)) {
      if (group[0] !== undefined && nameKey(group[0]) !== nameKey(row)) {
        yield flush() as IssuedCertificate[];
        group = [];
      }
      for (; group.length === 0 && next < added.length; next++) {
        const order = compareNames(added[next]?.[0], row);
        if (order > 0) break;
        if (order < 0) yield this.#decide(added[next] as CertificateRow[]);
        else group.push(...(added[next] as CertificateRow[]));
      }
      group.push(row);
    }
    const last = flush();
    if (last !== undefined) yield last;
    for (; next < added.length; next++) yield this.#decide(added[next] as CertificateRow[]);
  }

  /** How many certificates have which status; probes are not counted. */
  async counts(now: Date): Promise<Record<CertificateStatus | 'due', number>> {
    const counts = { valid: 0, due: 0, expired: 0, revoked: 0, superseded: 0 };
    for await (const row of this.times()) {
      if (row.kind === 'probe') continue;
      const status = statusOfTimes(row, now);
      counts[status]++;
      if (status === 'valid' && row.dueAt <= now.getTime()) counts.due++;
    }
    return counts;
  }

  /** The lifetimes of every certificate, in no useful order: the cheap way to look at all of them. */
  async *times(): AsyncGenerator<TimeRow> {
    const affected = new Map<string, TimeRow>();
    for (const name of await this.#affectedNames())
      for (const certificate of await this.ofName(...name)) affected.set(certificate.serial, timeRow(certificate));
    for await (const row of allRows(TIME_ROW, this.#pages.times, this.#store)) if (!affected.has(row.serial)) yield row;
    yield* affected.values();
  }

  /** What the CRLs of an issuing CA must list. */
  async revocations(authority: string): Promise<RevokedSerial[]> {
    const found = new Map<string, RevokedSerial>();
    for await (const row of rowsFrom(REVOKED_ROW, this.#pages.revoked, this.#store, authorityPrefix(authority)))
      found.set(row.serial, row);
    for (const entry of this.#overlay.revoked.values())
      if (entry.authority === authority && !found.has(entry.serial)) found.set(entry.serial, entry);
    return [...found.values()];
  }

  /** The records that a request id is bound to. */
  async requests(id: string): Promise<RequestRow[]> {
    const key = requestKey(id);
    const rows = this.#overlay.requests.filter((row) => row.id === key);
    for await (const row of rowsFrom(REQUEST_ROW, this.#pages.requests, this.#store, fromHex(key))) rows.push(row);
    return rows.sort((a, b) => a.seq - b.seq);
  }

  /** Writes pages that hold everything: what a new snapshot is made of. */
  async merged(): Promise<IndexPages> {
    const certificates: Uint8Array[] = [];
    const times: Uint8Array[] = [];
    const serials: Uint8Array[] = [];
    for (const name of await this.#affectedNames())
      for (const certificate of await this.ofName(...name)) {
        const row = CERTIFICATE_ROW.encode(certificate);
        certificates.push(row);
        times.push(TIME_ROW.encode(timeRow(certificate)));
        const key = row.subarray(0, CERTIFICATE_ROW.keyWidth);
        if (this.#overlay.bySerial.has(certificate.serial))
          serials.push(SERIAL_ROW.encode({ serial: certificate.serial, key }));
      }
    const revoked = [...this.#overlay.revoked.values()].map((row) => REVOKED_ROW.encode(row));
    const requests = this.#overlay.requests.map((row) => REQUEST_ROW.encode(row));
    const store = this.#store;
    return {
      certificates: await mergeRows(CERTIFICATE_ROW, this.#pages.certificates, store, certificates),
      serials: await mergeRows(SERIAL_ROW, this.#pages.serials, store, serials),
      times: await mergeRows(TIME_ROW, this.#pages.times, store, times),
      revoked: await mergeRows(REVOKED_ROW, this.#pages.revoked, store, revoked),
      requests: await mergeRows(REQUEST_ROW, this.#pages.requests, store, requests),
    };
  }

  #decide(rows: CertificateRow[]): IssuedCertificate[] {
    const planes = new Map<string, CertificateRow[]>();
    for (const row of rows) planes.set(row.plane, [...(planes.get(row.plane) ?? []), this.#overlay.apply(row)]);
    return [...planes.values()].flatMap(decideSuperseded).sort((a, b) => a.seq - b.seq || a.position - b.position);
  }

  /** The names of which the tail says anything. */
  async #affectedNames(): Promise<[Kind, string][]> {
    const names = new Map<string, [Kind, string]>();
    for (const [first] of this.#overlay.byName.values()) if (first) names.set(nameKey(first), [first.kind, first.name]);
    const revoked = [...this.#overlay.revoked.values()].map(({ serial }) => serial);
    for (const serial of [...revoked, ...this.#overlay.abandoned]) {
      const row = this.#overlay.bySerial.get(serial) ?? (await this.#rowBySerial(serial));
      if (row !== undefined) names.set(nameKey(row), [row.kind, row.name]);
    }
    return [...names.values()];
  }

  async #rowBySerial(serial: string): Promise<CertificateRow | undefined> {
    if (serial.length !== 40) return undefined;
    for await (const { key } of rowsFrom(SERIAL_ROW, this.#pages.serials, this.#store, fromHex(serial)))
      for await (const row of rowsFrom(CERTIFICATE_ROW, this.#pages.certificates, this.#store, key)) return row;
    return undefined;
  }
}

/** As `statusOf`, of what the time index knows. */
function statusOfTimes(row: TimeRow, now: Date): CertificateStatus {
  if (row.revoked) return 'revoked';
  if (now.getTime() >= row.notAfter + 1000) return 'expired';
  return row.superseded ? 'superseded' : 'valid';
}

function timeRow(certificate: IssuedCertificate): TimeRow {
  const { notAfter, serial, dueAt, notBefore, kind, superseded, revoked } = certificate;
  return { notAfter, serial, dueAt, notBefore, kind, superseded, revoked: revoked !== undefined };
}

function compareNames(a: CertificateRow | undefined, b: CertificateRow | undefined): number {
  if (a === undefined || b === undefined) return 0;
  const kinds = (KIND_ORDER[a.kind] ?? 0) - (KIND_ORDER[b.kind] ?? 0);
  return kinds || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}
