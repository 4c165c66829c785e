import { sha256Hex } from '../../crypto/hash.ts';
import { equalBytes } from '../../pki/der/writer.ts';
import { fromBase64, fromHex } from '../../pki/encoding.ts';
import { formatSerial } from '../../pki/serial.ts';
import { parseCertificate } from '../../pki/x509/certificate.ts';
import { tampered } from '../canonical.ts';
import { dueAt } from '../certificates/due.ts';
import type { CertificateRow } from '../certificates/row.ts';
import { isDestroyed, signingIssuer } from '../hierarchy.ts';
import type { CertificateFacts, PackedCertificate } from '../pack.ts';
import type { LogRecord } from './record.ts';
import type { LogState } from './state.ts';

/** The certificates of an issue record: those serials that were reserved, by a CA that may sign now. @throws ERR_KEYSTORE_TAMPERED */
export function issuedRows(
  state: LogState,
  entry: LogRecord & { op: 'issue' },
  pack: PackedCertificate[],
): CertificateRow[] {
  const what = `log record ${entry.seq}`;
  const reserve = state.openReserves.find((open) => open.seq === entry.body.reserve);
  if (reserve === undefined) throw tampered(`${what} issues serials that were not reserved`);
  const authorities = state.authorities.map(({ id, certificate }) => ({
    id,
    subject: parseCertificate(fromBase64(certificate)).subject,
  }));
  const readFacts = (der: Uint8Array): CertificateFacts => {
    const { serialNumber, issuer, notBefore, notAfter } = parseCertificate(der);
    const authority = authorities.findLast(({ subject }) => equalBytes(subject, issuer))?.id;
    if (authority === undefined) throw tampered(`${what} holds a certificate of another CA`);
    return { serial: formatSerial(serialNumber), authority, notBefore, notAfter };
  };
  const signing = signingIssuer(state)?.id;
  const rows = pack.map((packed, position): CertificateRow => {
    const { kind, name, plane, profile } = packed;
    const { serial, authority, notBefore, notAfter } = packed.facts ?? readFacts(packed.der);
    if (kind === 'probe' ? isDestroyed(state, authority) : authority !== signing)
      throw tampered(`${what} holds a certificate of ${authority}, which may not issue it in this phase`);
    return {
      kind,
      name,
      plane,
      profile,
      serial,
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
  const serials = serialsHash(rows.map(({ serial }) => serial));
  if (rows.some(({ serial }) => serial.length !== 40)) throw tampered(`${what} issues a serial that has not 20 octets`);
  if (rows.length !== reserve.count || rows.length !== entry.body.count || serials !== reserve.sha256)
    throw tampered(`${what} does not issue the serials of reserve record ${reserve.seq}`);
  return rows;
}

/** SHA-256 over serials, one behind the other. */
export function serialsHash(serials: readonly string[]): string {
  return sha256Hex(fromHex(serials.join('')));
}
