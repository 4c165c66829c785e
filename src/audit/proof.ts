import { ClusterCaError } from '../errors.ts';
import { fromBase64, toBase64 } from '../pki/encoding.ts';
import { readCheckpoint, type UnverifiedCheckpoint } from './checkpoint.ts';

/** That a record is in a log, as C2SP tlog-proof writes it. */
export interface InclusionProof {
  /** The record's number. */
  index: number;
  /** Sibling hashes from the leaf up. */
  path: Uint8Array[];
  checkpoint: UnverifiedCheckpoint;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** More hashes than any tree has levels. */
const MOST_HASHES = 63;
const HASH = /^[A-Za-z0-9+/]{43}=$/;

/** @param checkpoint the signed note, as it is */
export function encodeProof(index: number, path: readonly Uint8Array[], checkpoint: string): string {
  return [HEADER, `index ${index}`, ...path.map((hash) => toBase64(hash)), '', checkpoint].join('\n');
}

/** @throws ERR_CONFIG for what is no proof */
export function readProof(text: string, what: string): InclusionProof {
  const end = text.indexOf('\n\n');
  const [header, ...lines] = text.slice(0, Math.max(end, 0)).split('\n');
  if (lines[0]?.startsWith('extra ')) lines.shift();
  const [, index] = /^index (0|[1-9]\d{0,14})$/.exec(lines.shift() ?? '') ?? [];
  if (header !== HEADER || index === undefined || lines.length > MOST_HASHES || !lines.every((line) => HASH.test(line)))
    throw new ClusterCaError('ERR_CONFIG', `${what} is not a proof of inclusion`, {
      hint: 'cluster-ca audit prove writes one',
    });
  return { index: Number(index), path: lines.map(fromBase64), checkpoint: readCheckpoint(text.slice(end + 2), what) };
}
