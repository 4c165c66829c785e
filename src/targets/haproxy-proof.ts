import { decodePem } from '../pki/pem.ts';
import { formatSerial, parseSerial } from '../pki/serial.ts';
import { parseCertificate } from '../pki/x509/certificate.ts';
import { parseCrl } from '../pki/x509/crl.ts';
import type { Ask } from './haproxy-runtime.ts';
import { escapeName } from './haproxy-socket.ts';

/** A longer CRL is not listed for the sake of comparing it. Octets. */
const LONGEST_CRL = 1 << 20;

/** What of a kind the running worker has loaded, by its names in the configuration. */
export async function listLoaded(ask: Ask, kind: 'ca-file' | 'crl-file'): Promise<string[]> {
  const answer = await ask(`show ssl ${kind}`);
  return answer
    .split('\n')
    .filter((line) => line !== '' && !/^[#*]/.test(line))
    .map((line) => line.replace(/ - \d+ certificate\(s\)$/, ''));
}

/** @param pem certificate, issuers and key @returns what is wrong; undefined when the worker has this certificate */
export async function proveCertificate(ask: Ask, name: string, pem: Uint8Array): Promise<string | undefined> {
  const [own] = serialsOf(pem);
  const [loaded] = serialsIn(await ask(`show ssl cert ${escapeName(name)}`), 'Serial');
  return own === undefined || loaded === own ? undefined : `has the certificate ${loaded ?? 'of nobody'} for ${name}`;
}

/** @param pem the trust bundle @returns what is wrong; undefined when the worker trusts just this */
export async function proveTrust(ask: Ask, name: string, pem: Uint8Array): Promise<string | undefined> {
  const loaded = serialsIn(await ask(`show ssl ca-file ${escapeName(name)}`), 'Serial');
  const wanted = serialsOf(pem);
  return same(loaded, wanted) ? undefined : `trusts ${list(loaded)} by ${name}, and not ${list(wanted)}`;
}

/** @param pem a CRL for every CA @returns what is wrong; undefined when the worker has these */
export async function proveCrls(ask: Ask, name: string, pem: Uint8Array): Promise<string | undefined> {
  if (pem.length > LONGEST_CRL) return undefined;
  const answer = await ask(`show ssl crl-file ${escapeName(name)}`);
  const crls = decodePem(pem).map(({ bytes }) => parseCrl(bytes));
  const wanted = crls.map(({ thisUpdate }) => new Date(thisUpdate).toISOString());
  const loaded = [...answer.matchAll(/^\s*Last Update: (.*)$/gm)].map(([, time]) =>
    new Date(Date.parse(time as string)).toISOString(),
  );
  if (!same(loaded, wanted)) return `has CRLs of ${list(loaded)} by ${name}, and not of ${list(wanted)}`;
  const revoked = crls.flatMap((crl) => [...crl.entries()].map(({ serialNumber }) => formatSerial(serialNumber)));
  return same(serialsIn(answer, 'Serial Number'), revoked) ? undefined : `has another list of the revoked by ${name}`;
}

function serialsIn(answer: string, label: string): string[] {
  const lines = answer.matchAll(new RegExp(`^\\s*${label}: ([0-9A-F]+)\\s*$`, 'gm'));
  return [...lines].map(([, serial]) => parseSerial(serial as string) ?? '');
}

function serialsOf(pem: Uint8Array): string[] {
  return decodePem(pem)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => parseSerial(formatSerial(parseCertificate(bytes).serialNumber)) ?? '');
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.toSorted().join() === b.toSorted().join();
}

function list(items: readonly string[]): string {
  return items.length === 0 ? 'nothing' : items.join(', ');
}
