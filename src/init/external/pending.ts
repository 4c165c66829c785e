import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClusterCaError, isClusterCaError } from '../../errors.ts';
import { decodeCanonicalFile, encodeCanonicalFile } from '../../keystore/canonical.ts';
import { syncDirectory, writeNew } from '../../keystore/directory/durable.ts';
import { errno, storageError } from '../../keystore/directory/errors.ts';
import { policy } from '../../keystore/log/bodies.ts';
import { cluster, sealedKey, slot } from '../../keystore/log/parts.ts';
import { base64, flag, hex, integer, list, oneOf, record, type Shaped } from '../../keystore/shape.ts';
import { fromBase64 } from '../../pki/encoding.ts';

const shape = record({
  v: integer,
  type: oneOf('cluster-ca pending'),
  id: hex(16),
  cluster,
  policy,
  groupRead: flag,
  /** The request, DER. */
  csr: base64,
  /** What opens the key, and the key: files as in a keystore, of which this is none yet. */
  slots: list(record({ ref: slot, file: base64 })),
  key: record({ ref: sealedKey, file: base64 }),
});

/** A keystore that waits for its issuing CA's certificate: the key that the request was signed with, sealed, and what was asked for. */
export type Pending = Shaped<typeof shape>;

/** Where it is kept: beside the place of the keystore. */
export function pendingPath(location: string): string {
  return `${location.replace(/\/+$/, '')}.pending`;
}

/** @throws ERR_EXISTS when one waits already; ERR_STORAGE */
export async function writePending(location: string, pending: Omit<Pending, 'v' | 'type'>): Promise<void> {
  const path = pendingPath(location);
  try {
    await writeNew(path, encodeCanonicalFile({ v: 1, type: 'cluster-ca pending', ...pending }), 0o600);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (errno(error) === 'EEXIST')
      throw new ClusterCaError('ERR_EXISTS', `${path} waits for a certificate already`, {
        hint: 'complete it with --issuing-cert FILE, or remove that file to begin anew',
      });
    throw storageError(error, 'write', path);
  }
}

/** The file of the key that waits there; undefined where nothing does. @throws ERR_KEYSTORE_TAMPERED */
export async function pendingKeyFile(location: string): Promise<Uint8Array | undefined> {
  try {
    return fromBase64((await readPending(location)).key.file);
  } catch (error) {
    if (isClusterCaError(error, 'ERR_STATE')) return undefined;
    throw error;
  }
}

/** @throws ERR_STATE when nothing waits there; ERR_KEYSTORE_TAMPERED */
export async function readPending(
  location: string,
  hint = 'begin with: cluster-ca init CLUSTER --external-root',
): Promise<Pending> {
  const path = pendingPath(location);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (errno(error) === 'ENOENT')
      throw new ClusterCaError('ERR_STATE', `nothing at ${location} waits for a certificate`, {
        hint,
      });
    throw storageError(error, 'read', path);
  }
  return shape(decodeCanonicalFile(bytes, path), path);
}
