import { ClusterCaError } from '../errors.ts';
import { DerError } from '../pki/der/error.ts';
import { LIMITS } from '../pki/limits.ts';
import type { Source } from '../pki/path/index.ts';
import { decodePem, looksLikePem, type PemBlock } from '../pki/pem.ts';
import { hasSignedOutline, outlineOf } from '../pki/x509/outline.ts';

/** A file as it was read. `name` is what messages call it. */
export interface InputFile {
  name: string;
  bytes: Uint8Array;
}

const LABELS: Record<'certificate' | 'crl', readonly string[]> = {
  certificate: ['CERTIFICATE', 'X509 CERTIFICATE'],
  crl: ['X509 CRL', 'CRL'],
};
const PLURAL = { certificate: 'certificate', crl: 'CRL' } as const;

/**
 * The certificates or CRLs of a PEM bundle (other blocks are left out) or of one DER file. One of them at least must have
 * the outline of what it should be: what is wrong inside, or with another block, is for validation to find.
 * @throws ClusterCaError ERR_CONFIG (exit 2) for a file that is empty, too large, or not that by its outline
 */
export function readSources({ name, bytes }: InputFile, kind: keyof typeof LABELS): Source[] {
  const what = PLURAL[kind];
  const reject = (problem: string, cause?: unknown): ClusterCaError =>
    new ClusterCaError('ERR_CONFIG', `${name} ${problem}`, {
      hint: `give a ${what} in PEM or DER; cluster-ca inspect ${name} tells what it is`,
      details: { file: name },
      cause,
    });
  if (bytes.every((octet) => octet === 0x20 || (octet >= 0x09 && octet <= 0x0d))) throw reject('is empty');
  if (bytes.length > LIMITS.file) throw reject(`is larger than ${LIMITS.file} bytes`);
  if (hasSignedOutline(bytes)) {
    if (outlineOf(bytes) !== kind) throw reject(`is not a ${what}`);
    return [{ der: bytes, origin: name }];
  }
  let blocks: PemBlock[];
  try {
    blocks = decodePem(bytes, LABELS[kind]);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw reject(`is not a ${what}: ${cause.message}`, cause);
  }
  if (blocks.length === 0) throw reject(looksLikePem(bytes) ? `holds no ${what}` : `is not a ${what}`);
  if (!blocks.some((block) => hasSignedOutline(block.bytes)))
    throw reject(`is not a ${what}: block 1 has not the outline of one`);
  return blocks.map((block) => ({ der: block.bytes, origin: name }));
}
