import { equalBytes } from '../pki/der/writer.ts';
import { decodePem } from '../pki/pem.ts';
import { publicHalf } from '../placement/key-match.ts';
import type { Change } from '../targets/target.ts';
import type { Material } from './material.ts';
import type { Name, ServiceDirectory } from './service-directory.ts';
import { crlKind, type Unit } from './unit.ts';

/** What a directory holds against what it should. */
export interface Difference extends Change {
  /** The key that is there belongs to the certificate. */
  keyIsThere: boolean;
  /** Nothing was there before. */
  first: boolean;
}

const text = (pem: string): Uint8Array => new TextEncoder().encode(pem);

/** Compares a service's files with what it is to have: the certificates and CRLs by their octets, the key by its public half. */
export async function differenceOf(directory: ServiceDirectory, unit: Unit, material: Material): Promise<Difference> {
  const read = (name: Name): Promise<Uint8Array | undefined> => directory.read(name);
  const [certificate, key, trust, crl, combined] = [
    await read('cert.pem'),
    await read('key.pem'),
    await read('ca.pem'),
    await read('crl.pem'),
    await read('combined.pem'),
  ];
  const keyIsThere = publicHalf(key) === material.publicKey;
  const whole = !wantsCombined(unit) || (combined !== undefined && publicHalf(combined) === material.publicKey);
  key?.fill(0);
  combined?.fill(0);
  const kind = crlKind(unit);
  return {
    certificate: !same(certificate, material.chain) || !keyIsThere || !whole,
    trust: !same(trust, material.trustBundle),
    crl: kind !== 'none' && !same(crl, material.crls[kind]),
    keyIsThere,
    first: certificate === undefined && key === undefined && combined === undefined,
  };
}

/** Whether a service of this directory reads certificate and key from one file. */
export function wantsCombined({ services }: Unit): boolean {
  return services.some(({ abilities }) => abilities.combined);
}

/** The same blocks in the same order, whatever stands around them. */
function same(there: Uint8Array | undefined, wanted: string): boolean {
  if (there === undefined) return false;
  try {
    const [a, b] = [decodePem(there), decodePem(text(wanted))];
    return (
      a.length === b.length &&
      a.every(({ label, bytes }, i) => label === b[i]?.label && equalBytes(bytes, b[i]?.bytes ?? new Uint8Array()))
    );
  } catch {
    return false;
  }
}
