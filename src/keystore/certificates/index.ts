import { fromHex } from '../../pki/encoding.ts';
import type { Kind } from '../log/bodies.ts';
import type { RevokedSerial } from '../log/fold.ts';
import { allRows, mergeRows, type Page, type PageStore, rowsBack, rowsFrom } from '../snapshot/pages.ts';
import { RowBuffer } from '../snapshot/row-buffer.ts';
import {
  authorityPrefix,
  CERTIFICATE_ROW,
  holderPrefix,
  REQUEST_ROW,
  REVOKED_ROW,
  type RequestRow,
  SERIAL_ROW,
} from '../snapshot/rows.ts';
import { TIME_ROW, TimeCursor, type TimeRow, type TimeView } from '../snapshot/time-row.ts';
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
    const rows = await this.#paged(kind, name);
    return this.#decide(this.#withTail(rows, kind, name));
  }

  #withTail(rows: CertificateRow[], kind: Kind, name: string): CertificateRow[] {
    return [...rows, ...(this.#overlay.byName.get(nameKey({ kind, name })) ?? [])];
  }

  /** What the snapshot has of a name. */
  async #paged(kind: Kind, name: string): Promise<CertificateRow[]> {
    const rows: CertificateRow[] = [];
    for await (const row of rowsFrom(CERTIFICATE_ROW, this.#pages.certificates, this.#store, holderPrefix(kind, name)))
      rows.push(row);
    return rows;
  }

  /** The latest certificate of a holder that was not abandoned, whatever became of it. */
  async current(kind: Kind, name: string, plane: string): Promise<IssuedCertificate | undefined> {
    const tail = this.#overlay.byName.get(nameKey({ kind, name })) ?? [];
    for (const row of tail.toReversed()) {
      if (row.plane !== plane) continue;
      const said = this.#overlay.apply(row);
      if (!said.abandoned) return { ...said, superseded: false };
    }
    const prefix = holderPrefix(kind, name, plane);
    for await (const row of rowsBack(CERTIFICATE_ROW, this.#pages.certificates, this.#store, prefix)) {
      const said = this.#overlay.apply(row);
      if (!said.abandoned) return { ...said, superseded: false };
    }
    return undefined;
  }

  /** The certificate with this serial of 40 hex digits. */
  async bySerial(serial: string): Promise<IssuedCertificate | undefined> {
    const row = this.#overlay.bySerial.get(serial) ?? (await this.#rowBySerial(serial));
    if (row === undefined) return undefined;
    const current = await this.current(row.kind, row.name, row.plane);
    return { ...this.#overlay.apply(row), superseded: current?.serial !== serial };
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
    await this.eachTime((row) => {
      if (row.kind === 'probe') return;
      const status = statusOfTimes(row, now);
      counts[status]++;
      if (status === 'valid' && row.dueAt <= now.getTime()) counts.due++;
    });
    return counts;
  }

  /** Shows the lifetimes of every certificate, in no useful order: the cheap way to look at all of them. A row is gone when the call returns. */
  async eachTime(look: (row: TimeView) => void): Promise<void> {
    /** Of the snapshot's rows those that the tail may say something else of. */
    const shown = new Set<string>();
    for (const name of await this.#affectedNames()) {
      const rows = await this.#paged(...name);
      for (const { serial } of rows) shown.add(serial);
      for (const certificate of this.#decide(this.#withTail(rows, ...name))) look(timeRow(certificate));
    }
    for (const { sha256 } of this.#pages.times) {
      const row = new TimeCursor(await this.#store.get(sha256));
      while (row.next()) if (shown.size === 0 || !shown.has(row.serial)) look(row);
    }
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
    const certificates = new RowBuffer(CERTIFICATE_ROW.width);
    const times = new RowBuffer(TIME_ROW.width);
    const serials = new RowBuffer(SERIAL_ROW.width);
    for (const name of await this.#affectedNames()) {
      const rows = await this.#paged(...name);
      const before = new Map(rows.map((row) => [row.serial, row]));
      const wasCurrent = new Set(decidePlanes(rows).flatMap((row) => (row.superseded ? [] : row.serial)));
      for (const certificate of this.#decide(this.#withTail(rows, ...name))) {
        const { serial, superseded } = certificate;
        const paged = before.get(serial);
        const same = paged !== undefined && this.#overlay.apply(paged) === paged;
        if (same && superseded !== wasCurrent.has(serial)) continue;
        times.push(TIME_ROW.encode(timeRow(certificate)));
        if (same) continue;
        const row = CERTIFICATE_ROW.encode(certificate);
        certificates.push(row);
        const key = row.subarray(0, CERTIFICATE_ROW.keyWidth);
        if (paged === undefined) serials.push(SERIAL_ROW.encode({ serial, key }));
      }
    }
    const revoked = new RowBuffer(REVOKED_ROW.width);
    for (const row of this.#overlay.revoked.values()) revoked.push(REVOKED_ROW.encode(row));
    const requests = new RowBuffer(REQUEST_ROW.width);
    for (const row of this.#overlay.requests) requests.push(REQUEST_ROW.encode(row));
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
    return decidePlanes(rows.map((row) => this.#overlay.apply(row)));
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

/** The rows of one name, oldest first: which are superseded is decided on each plane. */
function decidePlanes(rows: CertificateRow[]): IssuedCertificate[] {
  const planes = new Map<string, CertificateRow[]>();
  for (const row of rows) {
    const plane = planes.get(row.plane);
    if (plane === undefined) planes.set(row.plane, [row]);
    else plane.push(row);
  }
  return [...planes.values()].flatMap(decideSuperseded).sort((a, b) => a.seq - b.seq || a.position - b.position);
}

/** As `statusOf`, of what the time index knows. */
function statusOfTimes(row: TimeView, now: Date): CertificateStatus {
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
