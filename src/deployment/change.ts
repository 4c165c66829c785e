import { equalBytes } from '../pki/der/writer.ts';
import { decodePem, type PemBlock } from '../pki/pem.ts';
import { publicHalf } from '../placement/key-match.ts';
import type { Change } from '../targets/target.ts';
import type { Material } from './material.ts';
import { type DirectoryState, isOurs, type Name, type ServiceDirectory } from './service-directory.ts';
import { crlKind, type Unit } from './unit.ts';

/** What a directory holds against what it should. */
export interface Difference extends Change {
  /** The key that is there belongs to the certificate. */
  keyIsThere: boolean;
  /** No certificate was there before, to be served from here. */
  first: boolean;
}

/** Compares a service's files with what it is to have: the certificates and CRLs by their octets, the key by its public half. */
export async function differenceOf(
  directory: ServiceDirectory,
  state: DirectoryState,
  unit: Unit,
  material: Material,
): Promise<Difference> {
  const read = (name: Name): Promise<Uint8Array | undefined> => directory.read(name);
  const [certificate, key, trust, crl, combined] = [
    await read('cert.pem'),
    await read('key.pem'),
    await read('ca.pem'),
    await read('crl.pem'),
    await read('combined.pem'),
  ];
  const keyIsThere = publicHalf(key) === material.publicKey;
  const whole =
    !wantsCombined(unit) ||
    (publicHalf(combined) === material.publicKey && same(combined, material.chain, ({ label }) => !isKey(label)));
  key?.fill(0);
  combined?.fill(0);
  const kind = crlKind(unit);
  // Our own links are there without a certificate when the first run was killed between them.
  const stood = (name: Name, content: unknown): boolean => content !== undefined && !isOurs(state, name);
  return {
    certificate: !same(certificate, material.chain) || !keyIsThere || !whole,
    trust: !same(trust, material.trustBundle),
    crl: kind !== 'none' && !same(crl, material.crls[kind]),
    keyIsThere,
    first: certificate === undefined && !stood('key.pem', key) && !stood('combined.pem', combined),
  };
}

/** Whether a service of this directory reads certificate and key from one file. */
export function wantsCombined({ services }: Unit): boolean {
  return services.some(({ abilities }) => abilities.combined);
}

/** The same blocks in the same order, whatever stands around them. */
function same(
  there: Uint8Array | undefined,
  wanted: string,
  counts: (block: PemBlock) => boolean = () => true,
): boolean {
  if (there === undefined) return false;
  try {
    const [a, b] = [decodePem(there).filter(counts), decodePem(new TextEncoder().encode(wanted))];
    return (
      a.length === b.length &&
      a.every(({ label, bytes }, i) => label === b[i]?.label && equalBytes(bytes, b[i]?.bytes ?? new Uint8Array()))
    );
  } catch {
    return false;
  }
}

function isKey(label: string): boolean {
  return label.endsWith('PRIVATE KEY');
}
