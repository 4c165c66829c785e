import { sha256Hex } from '../../crypto/hash.ts';
import { fromBase64, fromHex, toHex } from '../../pki/encoding.ts';
import { formatSerial } from '../../pki/serial.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import { tampered } from '../canonical.ts';
import { dueAt } from '../certificates/due.ts';
import type { CertificateRow, Revocation } from '../certificates/row.ts';
import type { PackedCertificate } from '../pack.ts';
import type { RevokedEntry } from './bodies.ts';
import type { LogRecord } from './record.ts';
import type { LogState } from './state.ts';

/** A reserve not used within this many records is burnt. */
const RESERVE_LIVES = 4096;

/** A revocation with the certificate it is of. `notAfter`, where known: when its entry may leave the CRL. */
export interface RevokedSerial extends Revocation {
  authority: string;
  serial: string;
  notAfter?: number;
}

/** What one record changes among the certificates. */
export interface Changes {
  issued: CertificateRow[];
  revoked: RevokedSerial[];
  abandoned: string[];
  /** Set by the records that a request id is bound to. */
  request?: { id: string; hash: string; seq: number };
}

/**
 * Applies one record, already decoded and verified, to the state before it. Pure.
 * @param hash SHA-256 of the record's file
 * @param pack the certificates of an issue record
 * @throws ERR_KEYSTORE_TAMPERED when the record does not follow from the state
 */
export function applyRecord(
  state: LogState | undefined,
  entry: LogRecord,
  hash: string,
  keystoreId: string,
  pack: PackedCertificate[] = [],
): { state: LogState; changes: Changes } {
  const changes: Changes = { issued: [], revoked: [], abandoned: [] };
  const time = Date.parse(entry.time);
  if (state === undefined) {
    if (entry.op !== 'init' || entry.seq !== 0) throw tampered('the log does not begin with its init record');
    const { cluster, policy, authorities, audit, slots, crls } = entry.body;
    const fields = {
      keystoreId,
      cluster,
      policy,
      authorities,
      audit,
      slots,
      crls,
      openReserves: [],
      epoch: entry.epoch,
    };
    return { state: { ...fields, seq: 0, head: hash, time, createdAt: time }, changes };
  }
  checkPlace(state, entry, time);
  const next: LogState = { ...state, seq: entry.seq, head: hash, time, epoch: entry.epoch };
  switch (entry.op) {
    case 'init':
      throw tampered(`log record ${entry.seq} is a second init`);
    case 'reserve': {
      const { serials, requestHash } = entry.body;
      const reserve = { seq: entry.seq, count: serials.length, sha256: sha256Hex(...serials.map(fromHex)) };
      next.openReserves = [...state.openReserves.filter((open) => entry.seq - open.seq < RESERVE_LIVES), reserve];
      changes.request = { id: entry.requestId, hash: requestHash, seq: entry.seq };
      break;
    }
    case 'issue': {
      changes.issued = issuedRows(state, entry, pack);
      next.openReserves = state.openReserves.filter((open) => open.seq !== entry.body.reserve);
      changes.request = { id: entry.requestId, hash: entry.body.requestHash, seq: entry.seq };
      break;
    }
    case 'revoke':
      changes.revoked = entry.body.entries.map((revoked) => revocation(revoked, time));
      next.crls = replaceCrls(state, entry.body.crls);
      break;
    case 'crl':
      next.crls = replaceCrls(state, entry.body.crls);
      break;
    case 'abandon':
      changes.abandoned = entry.body.serials;
      break;
    case 'slots':
      next.slots = entry.body.slots;
      break;
    case 'backup':
      next.backup = { ...entry.body, seq: entry.seq, time };
      break;
  }
  return { state: next, changes };
}

function checkPlace(state: LogState, entry: LogRecord, time: number): void {
  if (entry.seq !== state.seq + 1 || entry.prev !== state.head)
    throw tampered(`log record ${entry.seq} does not follow record ${state.seq}`);
  if (entry.epoch !== state.epoch && entry.epoch !== state.epoch + 1)
    throw tampered(`log record ${entry.seq} skips a time epoch`);
  if (entry.epoch === state.epoch && time < state.time)
    throw tampered(`log record ${entry.seq} is older than the one before it`);
}

function issuedRows(state: LogState, entry: LogRecord & { op: 'issue' }, pack: PackedCertificate[]): CertificateRow[] {
  const what = `log record ${entry.seq}`;
  const reserve = state.openReserves.find((open) => open.seq === entry.body.reserve);
  if (reserve === undefined) throw tampered(`${what} issues serials that were not reserved`);
  const authorities = new Map(
    state.authorities.map((a) => [toHex(parseCertificate(fromBase64(a.certificate)).subject), a.id]),
  );
  const rows = pack.map((packed, position): CertificateRow => {
    const { serialNumber, issuer, notBefore, notAfter } = parseCertificate(packed.der);
    const authority = authorities.get(toHex(issuer));
    if (authority === undefined) throw tampered(`${what} holds a certificate of another CA`);
    const { der, ...holder } = packed;
    return {
      ...holder,
      serial: formatSerial(serialNumber),
      authority,
      notBefore,
      notAfter,
      dueAt: dueAt(state.policy, packed, notBefore, notAfter),
      seq: entry.seq,
      position,
      pack: entry.body.pack,
      abandoned: false,
    };
  });
  const serials = sha256Hex(...rows.map((row) => fromHex(row.serial)));
  if (rows.length !== reserve.count || rows.length !== entry.body.count || serials !== reserve.sha256)
    throw tampered(`${what} does not issue the serials of reserve record ${reserve.seq}`);
  return rows;
}

function revocation(entry: RevokedEntry, at: number): RevokedSerial {
  const { authority, serial, reason, invalidityDate, notAfter } = entry;
  return {
    authority,
    serial,
    at,
    reason,
    ...(invalidityDate === undefined ? {} : { invalidityDate: Date.parse(invalidityDate) }),
    ...(notAfter === undefined ? {} : { notAfter: Date.parse(notAfter) }),
  };
}

function replaceCrls(state: LogState, crls: LogState['crls']): LogState['crls'] {
  const renewed = new Map(crls.map((crl) => [crl.authority, crl]));
  for (const crl of crls) {
    const last = state.crls.find(({ authority }) => authority === crl.authority);
    if (last !== undefined && BigInt(crl.number) <= BigInt(last.number))
      throw tampered(`the number of the CRL of ${crl.authority} does not grow`);
  }
  const kept = state.crls.map((crl) => {
    const replacement = renewed.get(crl.authority);
    renewed.delete(crl.authority);
    return replacement ?? crl;
  });
  return [...kept, ...renewed.values()];
}
