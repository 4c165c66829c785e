import { sha256Hex } from '../crypto/hash.ts';
import { encodeCanonical } from '../keystore/canonical.ts';
import type { PackedCertificate } from '../keystore/pack.ts';
import { formatSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { safeJson, safeText } from '../ui/text/safe.ts';
import { formatTime } from '../values/time.ts';
import type { Step } from './walk.ts';

/** One line of NDJSON: the record as it stands in the log, its hash, and for an issue record what was issued. */
export function exportNdjson({ entry, hash, pack }: Step): string {
  const issued = entry.op === 'issue' ? { certificates: pack.map(issuedObject) } : {};
  const line = JSON.parse(encodeCanonical({ ...entry, hash, ...issued })) as object;
  return `${safeJson(line, 0)}\n`;
}

export const CSV_HEADER = 'seq,time,actor,op,request_id,kind,name,plane,serial,not_before,not_after,reason,hash\r\n';

/** The CSV rows (RFC 4180) of a record: one for each certificate that it issues, revokes or abandons, else one. */
export function exportCsv({ entry, hash, pack }: Step): string {
  const head = [String(entry.seq), entry.time, entry.actor, entry.op, entry.requestId];
  const row = (...rest: string[]): string => `${[...head, ...rest, hash].map(csvField).join(',')}\r\n`;
  switch (entry.op) {
    case 'issue':
      return pack
        .map(issuedObject)
        .map((c) => row(c.kind, c.name, c.plane, c.serial, c.notBefore, c.notAfter, ''))
        .join('');
    case 'revoke':
      return entry.body.entries
        .map(({ serial, notAfter, reason }) => row('', '', '', serial, '', secondsOnly(notAfter), reason))
        .join('');
    case 'abandon':
      return entry.body.serials.map((serial) => row('', '', '', serial, '', '', '')).join('');
    default:
      return row('', '', '', '', '', '', '');
  }
}

/**
 * What a spreadsheet takes for a formula when it stands at the beginning of a cell, in full width too. A cell begins
 * after a semicolon, a bar or a tab as well, where the reader's country separates by these.
 */
const FORMULA = /(^|[;|\t])(\s*["']?)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/gu;

/** A field that no spreadsheet takes for a formula: what looks like one is led by an apostrophe. Control characters are escaped. */
export function csvField(value: string): string {
  const harmless = safeText(value.replace(FORMULA, "$1$2'"));
  return /[",;|]|^\s|\s$/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function secondsOnly(time: string | undefined): string {
  return time === undefined ? '' : formatTime(Date.parse(time));
}

function issuedObject({ der, kind, name, plane, profile }: PackedCertificate) {
  const { serialNumber, notBefore, notAfter } = parseCertificate(der);
  const times = { notBefore: formatTime(notBefore), notAfter: formatTime(notAfter) };
  return { kind, name, plane, profile, serial: formatSerial(serialNumber), ...times, fingerprint: sha256Hex(der) };
}
