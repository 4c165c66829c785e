import { sha256Hex } from '../crypto/hash.ts';
import type { Keystore } from '../keystore/keystore.ts';
import { equalBytes } from '../pki/der/writer.ts';
import { fromBase64 } from '../pki/encoding.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import type { Answered } from './accept.ts';
import type { Transcript } from './transcript.ts';

/**
 * The transcript of an answer whose request was answered before, with what the log has of it: a request that is signed
 * twice gives the same certificates and CRL with other signatures, and only those of the first answer count.
 * @returns with a sentence for each thing in this answer that is not the recorded one
 */
export function asRecorded(
  { state }: Keystore,
  { answer, transcript }: Answered,
): { transcript: Transcript; others: string[] } {
  const known = [
    ...state.authorities.map(({ certificate }) => certificate),
    ...(state.auditCertificates ?? []),
    ...(state.rollover?.newWithOld === undefined ? [] : [state.rollover.newWithOld]),
  ].map((der) => parseCertificate(fromBase64(der)));
  const others: string[] = [];
  const recorded = (what: string, given: string | undefined, kept: string | undefined): string | undefined => {
    if (kept === undefined || kept === given) return given;
    others.push(`the ${what} in this answer is not the recorded one: its fingerprint is ${given}`);
    return kept;
  };
  const certificates = transcript.certificates?.map((line, i) => {
    const given = parseCertificate(fromBase64(answer.certificates?.[i] ?? ''));
    const one = known.find(({ tbs }) => equalBytes(tbs, given.tbs));
    const fingerprint = recorded(line.what, line.fingerprint, one && sha256Hex(one.der));
    return { ...line, ...(fingerprint === undefined ? {} : { fingerprint }) };
  });
  const last = state.crls.find(
    ({ authority, number }) => authority === transcript.authority && number === transcript.number,
  );
  const crl = last === undefined ? transcript.crl : recorded('CRL', transcript.crl, last.sha256);
  return {
    transcript: {
      ...transcript,
      ...(certificates === undefined ? {} : { certificates }),
      ...(crl === undefined ? {} : { crl }),
    },
    others,
  };
}
