import { sha256Hex } from '../crypto/hash.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import { readObject } from '../keystore/load.ts';
import type { LogRecord } from '../keystore/log/record.ts';
import { decodePack } from '../keystore/pack.ts';
import type { Store } from '../keystore/store.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { safeJson } from '../ui/text/safe.ts';
import { formatTime } from '../values/time.ts';

/** One line of NDJSON: the record as it stands in the log, and for an issue record what was issued. */
export async function exportNdjson(store: Store, entry: LogRecord, hash: string): Promise<string> {
  const issued = entry.op === 'issue' ? { certificates: await issuedOf(store, entry) } : {};
  const line = JSON.parse(encodeCanonical({ ...entry, hash, ...issued })) as object;
  return `${safeJson(line).replace(/\n\s*/g, '')}\n`;
}

export const CSV_HEADER = 'seq,time,actor,op,request_id,kind,name,plane,serial,not_before,not_after,reason,hash\r\n';

/** The CSV rows (RFC 4180) of a record: one for each certificate that it issues or revokes, else one. */
export async function exportCsv(store: Store, entry: LogRecord, hash: string): Promise<string> {
  const head = [String(entry.seq), entry.time, entry.actor, entry.op, entry.requestId];
  const row = (...rest: string[]): string => `${[...head, ...rest, hash].map(csvField).join(',')}\r\n`;
  if (entry.op === 'issue')
    return (await issuedOf(store, entry))
      .map((c) => row(c.kind, c.name, c.plane, c.serial, c.notBefore, c.notAfter, ''))
      .join('');
  if (entry.op === 'revoke')
    return entry.body.entries.map((e) => row('', '', '', e.serial, '', e.notAfter ?? '', e.reason)).join('');
  return row('', '', '', '', '', '', '');
}

/** A field that no spreadsheet takes for a formula: what begins like one is led by an apostrophe. */
export function csvField(value: string): string {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

async function issuedOf(store: Store, entry: LogRecord & { op: 'issue' }) {
  const what = `the certificates of log record ${entry.seq}`;
  const pack = decodePack(await readObject(store, entry.body.pack, what), what);
  return pack.map(({ der, kind, name, plane, profile }) => {
    const { serialNumber, notBefore, notAfter } = parseCertificate(der);
    const times = { notBefore: formatTime(notBefore), notAfter: formatTime(notAfter) };
    return { kind, name, plane, profile, serial: formatSerial(serialNumber), ...times, fingerprint: sha256Hex(der) };
  });
}
